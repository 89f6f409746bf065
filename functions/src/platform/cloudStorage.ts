import type { Bucket } from '@google-cloud/storage';
import { AppError, messageOf } from './errors.ts';
import type { ListedObject, ObjectStore, PutOptions, StoredObject } from './objects.ts';

/** A bucket's objects through `@google-cloud/storage`, which is loaded at the first call. */
export function cloudObjects(bucketName: string, timeoutMs: number): ObjectStore {
  return new CloudObjects(bucketName, timeoutMs);
}

class CloudObjects implements ObjectStore {
  readonly #bucketName: string;
  readonly #timeoutMs: number;
  #opened: Promise<Bucket> | undefined;

  constructor(bucketName: string, timeoutMs: number) {
    this.#bucketName = bucketName;
    this.#timeoutMs = timeoutMs;
  }

  async get(name: string): Promise<StoredObject | undefined> {
    const found = await this.getIfChanged(name, '');
    return found === 'unchanged' ? undefined : found;
  }

  async getIfChanged(name: string, generation: string): Promise<StoredObject | 'unchanged' | undefined> {
    const bucket = await this.#bucket();
    try {
      const [metadata] = await bucket.file(name).getMetadata();
      const present = String(metadata.generation);
      if (present === generation) return 'unchanged';
      return { bytes: await this.#download(name, present), generation: present };
    } catch (error) {
      if (error instanceof AppError) throw error;
      if (storageStatus(error) === 404) return undefined;
      throw storageFailure(error, name);
    }
  }

  async #download(name: string, generation: string): Promise<Buffer> {
    try {
      const [bytes] = await (await this.#bucket()).file(name, { generation }).download();
      return bytes;
    } catch (cause) {
      // Also where it is gone: it was there a moment ago, so somebody is writing it.
      throw storageFailure(cause, name);
    }
  }

  async put(name: string, bytes: Uint8Array, options: PutOptions = {}): Promise<string> {
    const { contentType = 'application/octet-stream', customTimeMs, ifGeneration } = options;
    const file = (await this.#bucket()).file(name);
    try {
      await file.save(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), {
        resumable: false,
        contentType,
        timeout: this.#timeoutMs,
        metadata: customTimeMs === undefined ? {} : { customTime: new Date(customTimeMs).toISOString() },
        ...(ifGeneration === undefined ? {} : { preconditionOpts: { ifGenerationMatch: ifGeneration } }),
      });
      return String(file.metadata.generation);
    } catch (error) {
      throw storageFailure(error, name);
    }
  }

  async delete(name: string): Promise<void> {
    try {
      await (await this.#bucket()).file(name).delete({ ignoreNotFound: true });
    } catch (error) {
      throw storageFailure(error, name);
    }
  }

  async list(prefix: string, { limit, after }: { limit: number; after?: string }): Promise<ListedObject[]> {
    try {
      const [files] = await (await this.#bucket()).getFiles({
        prefix,
        maxResults: limit,
        autoPaginate: false,
        ...(after === undefined ? {} : { startOffset: `${after}\0` }),
      });
      return files.map(({ name, metadata }) => ({
        name,
        bytes: Number(metadata.size ?? 0),
        updatedMs: Date.parse(metadata.updated ?? '') || 0,
      }));
    } catch (error) {
      throw storageFailure(error, prefix);
    }
  }

  async setCustomTime(name: string, customTimeMs: number): Promise<boolean> {
    try {
      const customTime = new Date(customTimeMs).toISOString();
      await (await this.#bucket()).file(name).setMetadata({ customTime });
      return true;
    } catch (error) {
      const status = storageStatus(error);
      if (status === 404) return false;
      // It is later already: a customTime cannot be moved back (https://cloud.google.com/storage/docs/metadata#custom-time).
      if (status === 400) return true;
      throw storageFailure(error, name);
    }
  }

  #bucket(): Promise<Bucket> {
    this.#opened ??= import('@google-cloud/storage').then(({ Storage }) =>
      new Storage({
        timeout: this.#timeoutMs,
        retryOptions: { totalTimeout: this.#timeoutMs / 1000 },
      }).bucket(this.#bucketName),
    );
    return this.#opened;
  }
}

/** The HTTP status that the service answered with, if it did. */
export function storageStatus(error: unknown): number | undefined {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'number' ? code : undefined;
}

/** What a failed call means: `conflict` for a precondition that did not hold, else `unavailable`. */
export function storageFailure(cause: unknown, name: string): AppError {
  if (storageStatus(cause) === 412) {
    return new AppError('conflict', `Object ${name} is not at the generation that was expected.`, { cause });
  }
  const detail = new Error(`${name}: ${messageOf(cause)}`, { cause });
  return new AppError('unavailable', 'Cloud Storage does not answer; try again.', { cause: detail });
}
