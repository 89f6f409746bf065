import { createHash } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { Readable } from 'node:stream';
import type { Bucket, File, FileMetadata } from '@google-cloud/storage';
import { storageFailure, storageStatus } from './cloudStorage.ts';
import { AppError } from './errors.ts';
import type { ByteRange, FileObjects, NewObject, ObjectFacts, ObjectVersion } from './fileObjects.ts';

/** Longest wait for an answer; the content of a download may take longer. */
const callTimeoutMs = 50_000;

/** How long failed calls are repeated: miners that upload wait 30 s for an answer. */
const retryMs = 20_000;

/** A bucket's files through `@google-cloud/storage`, which is loaded at the first call. */
export function cloudFiles(bucketName: string): FileObjects {
  return new CloudFiles(bucketName);
}

class CloudFiles implements FileObjects {
  readonly #bucketName: string;
  #opened: Promise<{ calls: Bucket; downloads: Bucket }> | undefined;

  constructor(bucketName: string) {
    this.#bucketName = bucketName;
  }

  async describe(name: string): Promise<ObjectFacts | undefined> {
    const file = await this.#file(name);
    try {
      const [metadata] = await file.getMetadata();
      return objectFacts(metadata);
    } catch (error) {
      if (storageStatus(error) === 404) return undefined;
      throw storageFailure(error, name);
    }
  }

  async create(name: string, bytes: Buffer, object: NewObject): Promise<ObjectFacts> {
    const file = await this.#file(name);
    try {
      await file.save(bytes, {
        resumable: false,
        // The service compares the hash before the object exists; the client's own check would come after.
        validation: false,
        metadata: { ...metadataOf(object), md5Hash: createHash('md5').update(bytes).digest('base64') },
        preconditionOpts: { ifGenerationMatch: 0 },
      });
      return objectFacts(file.metadata);
    } catch (error) {
      throw storageFailure(error, name);
    }
  }

  async open({ name, generation }: ObjectVersion, range?: ByteRange): Promise<Readable> {
    const { downloads } = await this.#buckets();
    const stream = downloads.file(name, { generation }).createReadStream({
      validation: false,
      ...(range === undefined ? {} : { start: range.first, end: range.last }),
    });
    return new Promise((resolve, reject) => {
      stream.once('error', (error) => reject(storageFailure(error, name)));
      stream.once('response', () => resolve(stream));
      // The client asks only once somebody reads.
      stream.resume();
      stream.pause();
    });
  }

  async startUpload(name: string, bytes: number, object: NewObject): Promise<string> {
    const file = await this.#file(name);
    try {
      const [address] = await file.createResumableUpload({
        metadata: { ...metadataOf(object), contentLength: bytes },
        preconditionOpts: { ifGenerationMatch: 0 },
      });
      return address;
    } catch (error) {
      throw storageFailure(error, name);
    }
  }

  async signedUrl(name: string, untilMs: number, nowMs: number): Promise<string> {
    const file = await this.#file(name);
    try {
      const [url] = await file.getSignedUrl({
        version: 'v4',
        action: 'read',
        accessibleAt: nowMs,
        expires: untilMs,
      });
      return url;
    } catch (error) {
      throw storageFailure(error, name);
    }
  }

  async label({ name, generation }: ObjectVersion, labels: Readonly<Record<string, string>>): Promise<void> {
    const file = await this.#file(name);
    try {
      await file.setMetadata({ metadata: { ...labels } }, { ifGenerationMatch: generation });
    } catch (error) {
      if (!isGone(error)) throw storageFailure(error, name);
    }
  }

  async delete({ name, generation }: ObjectVersion): Promise<void> {
    const file = await this.#file(name);
    try {
      await file.delete({ ifGenerationMatch: generation });
    } catch (error) {
      if (!isGone(error)) throw storageFailure(error, name);
    }
  }

  async list({ after, before, limit }: { after: string; before: string; limit: number }) {
    const { calls } = await this.#buckets();
    try {
      const [files] = await calls.getFiles({
        startOffset: `${after}\0`,
        endOffset: before,
        maxResults: limit,
        autoPaginate: false,
      });
      return files.map(({ metadata }) => objectFacts(metadata));
    } catch (error) {
      throw storageFailure(error, after);
    }
  }

  async #file(name: string): Promise<File> {
    return (await this.#buckets()).calls.file(name);
  }

  #buckets(): Promise<{ calls: Bucket; downloads: Bucket }> {
    this.#opened ??= import('@google-cloud/storage').then(({ Storage }) => {
      // The client puts 11 listeners on each download's stream, and Node would warn of every one.
      EventEmitter.defaultMaxListeners = Math.max(EventEmitter.defaultMaxListeners, 20);
      const retryOptions = { totalTimeout: retryMs / 1000 };
      return {
        calls: new Storage({ timeout: callTimeoutMs, retryOptions }).bucket(this.#bucketName),
        // A client's timeout covers the whole body, however slow its reader.
        downloads: new Storage().bucket(this.#bucketName),
      };
    });
    return this.#opened;
  }
}

function metadataOf({ contentType, contentDisposition, labels, customTimeMs }: NewObject) {
  return {
    contentType,
    contentDisposition,
    metadata: { ...labels },
    ...(customTimeMs === undefined ? {} : { customTime: new Date(customTimeMs).toISOString() }),
  };
}

/** Whether the generation that was asked for is not there any more. */
function isGone(error: unknown): boolean {
  const status = storageStatus(error);
  return status === 404 || status === 412;
}

/** An object as the bucket's API and its events show it. */
export type ObjectResource = Pick<
  FileMetadata,
  'name' | 'md5Hash' | 'contentType' | 'generation' | 'size'
> & { timeCreated?: string | Date | undefined; metadata?: Readonly<Record<string, unknown>> | undefined };

/** Reads what the bucket says of an object. */
export function objectFacts(metadata: ObjectResource): ObjectFacts {
  const { name, md5Hash, contentType = 'application/octet-stream' } = metadata;
  if (name === undefined)
    throw new AppError('unavailable', 'Cloud Storage described an object without a name.');
  const labels = Object.entries(metadata.metadata ?? {}).filter(([, value]) => value !== null);
  return {
    name,
    bytes: Number(metadata.size ?? 0),
    generation: String(metadata.generation),
    contentType,
    createdMs: new Date(metadata.timeCreated ?? 0).getTime(),
    md5: md5Hash === undefined ? undefined : Buffer.from(md5Hash, 'base64').toString('hex'),
    labels: Object.fromEntries(labels.map(([key, value]) => [key, String(value)])),
  };
}
