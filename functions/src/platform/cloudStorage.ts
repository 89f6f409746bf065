import { hash } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import type { Bucket, FileMetadata, Storage } from '@google-cloud/storage';
import { type Clock, within } from './clock.ts';
import { AppError, messageOf } from './errors.ts';
import type { NewObject, ObjectFacts, ObjectStore } from './objects.ts';
import { type CallBound, Remote } from './remote.ts';

/** The time for which failed calls are repeated, if their limit is as long: uploads wait 30 s for an answer. */
const retrySeconds = 20;

/** A small object may take so much longer to read, at a megabyte or two a second, than an answer without content. */
const contentMs = 6_000;

/** Longest wait for the next piece of a download; its reader may take longer. */
const silenceMs = 20_000;

/** A client, of which the package is loaded at the first call. */
export function storageClient(): Remote<Storage> {
  return new Remote('Cloud Storage', async () => {
    const { Storage: Client } = await import('@google-cloud/storage');
    // The client puts 11 listeners on each download's stream, and Node would warn of every one.
    EventEmitter.defaultMaxListeners = Math.max(EventEmitter.defaultMaxListeners, 20);
    return new Client({ retryOptions: { totalTimeout: retrySeconds } });
  });
}

/** The longest that a call to a bucket may take; `putMs`, where it is longer: one that sends content along. */
interface BucketBound extends CallBound {
  putMs?: number;
}

/** A bucket through `@google-cloud/storage`. */
export function cloudObjects(bucketName: string, bound: BucketBound, client = storageClient()): ObjectStore {
  /**
   * The result of a call to the bucket; `what` names its object, for the log. Statuses in `expected` come to what they
   * are mapped to. Past the limit it fails, and its connection is closed.
   * @throws AppError `unavailable`, or `conflict` for a precondition that did not hold.
   */
  const call = async <Result, Expected = never>(
    what: string,
    work: (bucket: Bucket, call: AbortController) => Promise<Result>,
    expected: Readonly<Record<number, Expected>> = {},
    limitMs = bound.limitMs,
  ): Promise<Result | Expected> => {
    try {
      const limit = { clock: bound.clock, limitMs };
      return await client.call(limit, (storage, ending) => work(storage.bucket(bucketName), ending));
    } catch (error) {
      const code = (error as { code?: unknown }).code;
      if (typeof code === 'number' && code in expected) return expected[code] as Expected;
      throw storageFailure(error, what);
    }
  };
  const describe = async (name: string): Promise<ObjectFacts | undefined> => {
    const found = await call(name, (bucket) => bucket.file(name).getMetadata(), { 404: undefined });
    return found && objectFacts(found[0]);
  };
  const getIfChanged: ObjectStore['getIfChanged'] = async (name, known) => {
    const generation = (await describe(name))?.generation;
    if (generation === undefined) return undefined;
    if (generation === known) return 'unchanged';
    // Also where it is gone this fails: it was there a moment ago, so somebody is writing it.
    const download = (bucket: Bucket) => bucket.file(name, { generation }).download();
    const [bytes] = await call(name, download, {}, bound.limitMs + contentMs);
    return { bytes, generation };
  };
  return {
    describe,
    getIfChanged,

    async get(name) {
      const found = await getIfChanged(name, '');
      return found === 'unchanged' ? undefined : found;
    },

    open: ({ name, generation }, range) =>
      call(name, async (bucket, ending) => {
        const stream = bucket.file(name, { generation }).createReadStream({
          validation: false,
          ...(range && { start: range.first, end: range.last }),
        });
        ending.signal.addEventListener('abort', () => stream.destroy(), { once: true });
        await new Promise<void>((resolve, reject) => {
          stream.once('error', reject);
          // An answer that is none ends in an error.
          stream.once('response', ({ statusCode }: { statusCode: number }) => statusCode < 300 && resolve());
          // The client asks only once somebody reads.
          stream.resume();
          stream.pause();
        });
        return withoutSilence(stream, bound.clock, ending);
      }),

    put(name, bytes, { ifGeneration, ...object } = {}) {
      const put = async (bucket: Bucket) => {
        const file = bucket.file(name);
        await file.save(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), {
          resumable: false,
          // The service compares the hash before the object exists; the client's own check would come after.
          validation: false,
          metadata: { ...metadataOf(object), md5Hash: hash('md5', bytes, 'base64') },
          ...(ifGeneration && { preconditionOpts: { ifGenerationMatch: ifGeneration } }),
        });
        return objectFacts(file.metadata);
      };
      return call(name, put, {}, bound.putMs);
    },

    async startUpload(name, bytes, object) {
      const upload = {
        metadata: { ...metadataOf(object), contentLength: bytes },
        preconditionOpts: { ifGenerationMatch: 0 },
      };
      const [address] = await call(name, (bucket) => bucket.file(name).createResumableUpload(upload));
      return address;
    },

    async signedUrl(name, untilMs, nowMs) {
      const address = { version: 'v4', action: 'read', accessibleAt: nowMs, expires: untilMs } as const;
      const [url] = await call(name, (bucket) => bucket.file(name).getSignedUrl(address));
      return url;
    },

    async label({ name, generation }, labels) {
      const label = (bucket: Bucket) =>
        bucket.file(name).setMetadata({ metadata: { ...labels } }, { ifGenerationMatch: generation });
      await call(name, label, gone);
    },

    setCustomTime(name, customTimeMs) {
      const customTime = new Date(customTimeMs).toISOString();
      const set = async (bucket: Bucket) => {
        await bucket.file(name).setMetadata({ customTime });
        return true;
      };
      // 400: it is later already; a customTime cannot be moved back
      // (https://cloud.google.com/storage/docs/metadata#custom-time).
      return call(name, set, { 400: true, 404: false });
    },

    async delete(name, generation) {
      const version = generation === undefined ? {} : { ifGenerationMatch: generation };
      await call(name, (bucket) => bucket.file(name).delete(version), gone);
    },

    async list(prefix, { limit, after, before }) {
      const page = {
        ...{ prefix, maxResults: limit, autoPaginate: false },
        ...(after !== undefined && { startOffset: `${after}\0` }),
        ...(before !== undefined && { endOffset: before }),
      };
      const [files] = await call(prefix, (bucket) => bucket.getFiles(page));
      return files.map(({ metadata }) => objectFacts(metadata));
    },
  };
}

/** Answers where the object, or the generation that was asked for, is not there any more: nothing is to be done. */
const gone = { 404: undefined, 412: undefined };

/** The stream, which fails when nothing comes for a while although somebody reads; its connection ends with it. */
function withoutSilence(stream: Readable, clock: Clock, call: AbortController): Readable {
  const late = () => new AppError('unavailable', 'Cloud Storage does not go on with a download; try again.');
  const pieces = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const read = async function* (): AsyncGenerator<Buffer> {
    for (;;) {
      const { done, value } = await within(clock, silenceMs, pieces.next(), late);
      if (done === true) return;
      yield value;
    }
  };
  const bounded = Readable.from(read(), { objectMode: false });
  bounded.once('close', () => call.abort());
  return bounded;
}

function metadataOf({ contentType, contentDisposition, labels, customTimeMs }: NewObject) {
  return {
    contentType: contentType ?? 'application/octet-stream',
    ...(contentDisposition !== undefined && { contentDisposition }),
    ...(labels && { metadata: { ...labels } }),
    ...(customTimeMs !== undefined && { customTime: new Date(customTimeMs).toISOString() }),
  };
}

/** An object as the bucket's API and its events show it. */
export type ObjectResource = Pick<
  FileMetadata,
  'name' | 'md5Hash' | 'contentType' | 'generation' | 'size'
> & { timeCreated?: string | Date | undefined; metadata?: Readonly<Record<string, unknown>> | undefined };

/** Reads the bucket's description of an object. */
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

/** The error that a failed call means to callers. */
function storageFailure(cause: unknown, name: string): AppError {
  if (cause instanceof AppError) return cause;
  if ((cause as { code?: unknown }).code === 412) {
    return new AppError('conflict', `Object ${name} is not at the generation that was expected.`, { cause });
  }
  const detail = new Error(`${name}: ${messageOf(cause)}`, { cause });
  return new AppError('unavailable', 'Cloud Storage does not answer; try again.', { cause: detail });
}
