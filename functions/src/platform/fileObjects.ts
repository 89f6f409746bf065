import type { Readable } from 'node:stream';

/** What a bucket knows of an object without its content. */
export interface ObjectFacts {
  name: string;
  bytes: number;
  generation: string;
  contentType: string;
  createdMs: number;
  /** In hex; undefined for an object composed of others. */
  md5: string | undefined;
  /** Its custom metadata. */
  labels: Readonly<Record<string, string>>;
}

/** One writing of an object. */
export type ObjectVersion = Pick<ObjectFacts, 'name' | 'generation'>;

export interface NewObject {
  contentType: string;
  contentDisposition: string;
  /** From when the bucket's rules count; undefined: they never touch it. */
  customTimeMs?: number | undefined;
  labels: Readonly<Record<string, string>>;
}

/** Bytes `first` to `last`, both included. */
export interface ByteRange {
  first: number;
  last: number;
}

/**
 * A Cloud Storage bucket as files need it. Every method throws AppError `unavailable` when the service fails,
 * or does not answer in time; so does a stream.
 */
export interface FileObjects {
  /** Undefined where there is no such object. */
  describe(name: string): Promise<ObjectFacts | undefined>;
  /**
   * Writes a new object; the service checks that the bytes arrived as they are.
   * @throws AppError `conflict` where there is one already, also when an earlier attempt of this call made it.
   */
  create(name: string, bytes: Buffer, object: NewObject): Promise<ObjectFacts>;
  /** The content, opened: what fails later fails the stream. */
  open(object: ObjectVersion, range?: ByteRange): Promise<Readable>;
  /**
   * Begins a resumable upload of a new object. Returns its address, which is itself the permission, for a week
   * (https://cloud.google.com/storage/docs/resumable-uploads).
   */
  startUpload(name: string, bytes: number, object: NewObject): Promise<string>;
  /**
   * An address at which anyone can read the object until then, signed as of now; both by the caller's clock.
   * @throws AppError `unavailable` also where this process cannot sign.
   */
  signedUrl(name: string, untilMs: number, nowMs: number): Promise<string>;
  /** Adds labels to this generation of an object; one that is not there is no error. */
  label(object: ObjectVersion, labels: Readonly<Record<string, string>>): Promise<void>;
  /** Deletes this generation of an object; one that is not there is no error, and one that was written since stays. */
  delete(object: ObjectVersion): Promise<void>;
  /** Objects in the order of their names, at most `limit` (up to 1,000), from after one name to before another. */
  list(between: { after: string; before: string; limit: number }): Promise<ObjectFacts[]>;
}
