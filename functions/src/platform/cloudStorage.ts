import { EventEmitter } from 'node:events';
import type { Bucket, Storage } from '@google-cloud/storage';
import { AppError, messageOf } from './errors.ts';
import type { ListedObject, ObjectStore, PutOptions, StoredObject } from './objects.ts';
import { type CallBound, Remote } from './remote.ts';

/** How long failed calls are repeated, if their limit is as long: those that upload wait 30 s for an answer. */
const retrySeconds = 20;

/** A call may come with so much content, at a megabyte or two a second, beyond its limit. */
const contentMs = 6_000;

/** A client, of which the package is loaded at the first call. */
export function storageClient(): Remote<Storage> {
  return new Remote('Cloud Storage', async () => {
    const { Storage: Client } = await import('@google-cloud/storage');
    // The client puts 11 listeners on each download's stream, and Node would warn of every one.
    EventEmitter.defaultMaxListeners = Math.max(EventEmitter.defaultMaxListeners, 20);
    return new Client({ retryOptions: { totalTimeout: retrySeconds } });
  });
}

/** The bucket that a call goes to, by which client, and how long it may take. */
export interface BucketCall {
  client: Remote<Storage>;
  name: string;
  bound: CallBound;
}

/**
 * The result of a call to a bucket; `what` names its object, for the log. Statuses in `expected` come to what they are
 * mapped to. Past the bound it fails, and its connection is closed.
 * @throws AppError `unavailable`, or `conflict` for a precondition that did not hold.
 */
export async function bucketCall<Result, Expected = never>(
  { client, name, bound }: BucketCall,
  what: string,
  work: (bucket: Bucket, call: AbortController) => Promise<Result>,
  expected: Readonly<Record<number, Expected>> = {},
): Promise<Result | Expected> {
  try {
    return await client.call(bound, (storage, call) => work(storage.bucket(name), call));
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    if (typeof code === 'number' && code in expected) return expected[code] as Expected;
    throw storageFailure(error, what);
  }
}

/** A bucket's objects through `@google-cloud/storage`. */
export function cloudObjects(name: string, bound: CallBound, client = storageClient()): ObjectStore {
  return new CloudObjects({ client, name, bound });
}

class CloudObjects implements ObjectStore {
  readonly #bucket: BucketCall;
  /** For answers that have content. */
  readonly #reading: BucketCall;

  constructor(bucket: BucketCall) {
    this.#bucket = bucket;
    const { bound } = bucket;
    this.#reading = { ...bucket, bound: { ...bound, limitMs: bound.limitMs + contentMs } };
  }

  async get(name: string): Promise<StoredObject | undefined> {
    const found = await this.getIfChanged(name, '');
    return found === 'unchanged' ? undefined : found;
  }

  async getIfChanged(name: string, generation: string): Promise<StoredObject | 'unchanged' | undefined> {
    const describe = (bucket: Bucket) => bucket.file(name).getMetadata();
    const found = await bucketCall(this.#bucket, name, describe, { 404: undefined });
    if (found === undefined) return undefined;
    const present = String(found[0].generation);
    if (present === generation) return 'unchanged';
    // Also where it is gone this fails: it was there a moment ago, so somebody is writing it.
    const [bytes] = await bucketCall(this.#reading, name, (bucket) =>
      bucket.file(name, { generation: present }).download(),
    );
    return { bytes, generation: present };
  }

  put(name: string, bytes: Uint8Array, options: PutOptions = {}): Promise<string> {
    const { contentType = 'application/octet-stream', customTimeMs, ifGeneration } = options;
    return bucketCall(this.#bucket, name, async (bucket) => {
      const file = bucket.file(name);
      await file.save(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), {
        resumable: false,
        contentType,
        metadata: customTimeMs === undefined ? {} : { customTime: new Date(customTimeMs).toISOString() },
        ...(ifGeneration === undefined ? {} : { preconditionOpts: { ifGenerationMatch: ifGeneration } }),
      });
      return String(file.metadata.generation);
    });
  }

  async delete(name: string): Promise<void> {
    await bucketCall(this.#bucket, name, (bucket) => bucket.file(name).delete({ ignoreNotFound: true }));
  }

  async list(prefix: string, { limit, after }: { limit: number; after?: string }): Promise<ListedObject[]> {
    const [files] = await bucketCall(this.#bucket, prefix, (bucket) =>
      bucket.getFiles({
        prefix,
        maxResults: limit,
        autoPaginate: false,
        ...(after === undefined ? {} : { startOffset: `${after}\0` }),
      }),
    );
    return files.map(({ name, metadata }) => ({
      name,
      bytes: Number(metadata.size ?? 0),
      updatedMs: Date.parse(metadata.updated ?? '') || 0,
    }));
  }

  setCustomTime(name: string, customTimeMs: number): Promise<boolean> {
    const customTime = new Date(customTimeMs).toISOString();
    const set = async (bucket: Bucket) => {
      await bucket.file(name).setMetadata({ customTime });
      return true;
    };
    // 400: it is later already; a customTime cannot be moved back (https://cloud.google.com/storage/docs/metadata#custom-time).
    return bucketCall(this.#bucket, name, set, { 400: true, 404: false });
  }
}

/** The error that a failed call means to callers. */
function storageFailure(cause: unknown, name: string): AppError {
  if (cause instanceof AppError) return cause;
  if ((cause as { code?: unknown }).code === 412) {
    return new AppError('conflict', `Object ${name} is not at the generation that was expected.`, { cause });
  }
  const detail = new Error(`${name}: ${messageOf(cause)}`, { cause });
  return new AppError('unavailable', 'Cloud Storage does not answer; try again.', { cause: detail });
}
