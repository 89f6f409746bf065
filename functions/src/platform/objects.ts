import type { Readable } from 'node:stream';

/** The description of an object without its content. */
export interface ObjectFacts {
  name: string;
  bytes: number;
  /** Names one writing of the object; every other writing has another. */
  generation: string;
  contentType: string;
  createdMs: number;
  /** In hex; undefined for an object composed of others. */
  md5: string | undefined;
  /** The object's custom metadata. */
  labels: Readonly<Record<string, string>>;
}

/** One writing of an object. */
type ObjectVersion = Pick<ObjectFacts, 'name' | 'generation'>;

export interface StoredObject {
  bytes: Buffer;
  generation: string;
}

/** Properties of an object that is to be written. */
export interface NewObject {
  contentType?: string;
  contentDisposition?: string;
  /** From when the bucket's rules count; undefined: they never touch it. */
  customTimeMs?: number | undefined;
  labels?: Readonly<Record<string, string>>;
}

export interface PutOptions extends NewObject {
  /** The generation that must be present; '0': there must be no object. */
  ifGeneration?: string;
}

/** Bytes `first` to `last`, both included. */
export interface ByteRange {
  first: number;
  last: number;
}

/** Limits of a list: up to 1,000 objects, between two names. */
export interface ListOptions {
  limit: number;
  after?: string | undefined;
  before?: string;
}

/** A Cloud Storage bucket. Methods and streams throw AppError `unavailable` where it fails or is late. */
export interface ObjectStore {
  /** This and the next two answer undefined where there is no such object. */
  describe(name: string): Promise<ObjectFacts | undefined>;
  get(name: string): Promise<StoredObject | undefined>;
  /** `unchanged` where the object is of this generation. */
  getIfChanged(name: string, generation: string): Promise<StoredObject | 'unchanged' | undefined>;
  /** The content, opened: what fails later fails the stream. */
  open(object: ObjectVersion, range?: ByteRange): Promise<Readable>;
  /**
   * Writes an object; the service checks that the bytes arrived as they are.
   * @throws AppError `conflict` when `ifGeneration` is not the present one, also when an earlier
   * attempt of this call wrote it.
   */
  put(name: string, bytes: Uint8Array, options?: PutOptions): Promise<ObjectFacts>;
  /**
   * Begins a resumable upload of a new object. Returns its address, which is itself the permission, for a week
   * (https://cloud.google.com/storage/docs/resumable-uploads).
   * @throws AppError `conflict` where there is an object.
   */
  startUpload(name: string, bytes: number, object: NewObject): Promise<string>;
  /**
   * An address at which anyone can read the object until then, signed as of now; both by the caller's clock.
   * @throws AppError `unavailable` also where this process cannot sign.
   */
  signedUrl(name: string, untilMs: number, nowMs: number): Promise<string>;
  /** Adds labels to this generation of an object; one that is not there is no error. */
  label(object: ObjectVersion, labels: Readonly<Record<string, string>>): Promise<void>;
  /** Moves an object's customTime forward; one that is not there is no error. Returns whether it is there. */
  setCustomTime(name: string, customTimeMs: number): Promise<boolean>;
  /** Deletes an object; one that is not there is no error. With a generation, one that was written since stays. */
  delete(name: string, generation?: string): Promise<void>;
  /** Objects under a prefix in the order of their names. */
  list(prefix: string, options: ListOptions): Promise<ObjectFacts[]>;
}

/** Objects under a prefix that are Sluice's by their names, in order, after the name `after`. */
export async function* ownObjects(
  objects: Pick<ObjectStore, 'list'>,
  prefix: string,
  { isOwn, limit, after }: { isOwn: (name: string) => boolean; limit: number; after?: string | undefined },
): AsyncGenerator<ObjectFacts> {
  for (let last = after; ; ) {
    const page = await objects.list(prefix, { limit, after: last });
    yield* page.filter(({ name }) => isOwn(name));
    last = page.at(-1)?.name;
    if (page.length < limit || last === undefined) return;
  }
}
