import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Bucket, FileMetadata } from '@google-cloud/storage';
import type { Clock } from './clock.ts';
import { type BucketCall, bucketCall, storageClient } from './cloudStorage.ts';
import { AppError } from './errors.ts';
import type { ByteRange, FileObjects, NewObject, ObjectFacts, ObjectVersion } from './fileObjects.ts';
import { within } from './within.ts';

/** Longest wait for an answer, and for one to content that is sent along: miners that upload wait 30 s in all. */
const callMs = 8_000;
const createMs = 25_000;

/** Longest wait for the next piece of a download; its reader may take longer. */
const silenceMs = 20_000;

/** A bucket's files through `@google-cloud/storage`, which is loaded at the first call. */
export function cloudFiles(bucketName: string, clock: Clock, client = storageClient()): FileObjects {
  return new CloudFiles(bucketName, clock, client);
}

class CloudFiles implements FileObjects {
  readonly #bucketName: string;
  readonly #clock: Clock;
  readonly #client: BucketCall['client'];

  constructor(bucketName: string, clock: Clock, client: BucketCall['client']) {
    this.#bucketName = bucketName;
    this.#clock = clock;
    this.#client = client;
  }

  async describe(name: string): Promise<ObjectFacts | undefined> {
    const describe = (bucket: Bucket) => bucket.file(name).getMetadata();
    const found = await bucketCall(this.#within(callMs), name, describe, { 404: undefined });
    return found && objectFacts(found[0]);
  }

  create(name: string, bytes: Buffer, object: NewObject): Promise<ObjectFacts> {
    return bucketCall(this.#within(createMs), name, async (bucket) => {
      const file = bucket.file(name);
      await file.save(bytes, {
        resumable: false,
        // The service compares the hash before the object exists; the client's own check would come after.
        validation: false,
        metadata: { ...metadataOf(object), md5Hash: createHash('md5').update(bytes).digest('base64') },
        preconditionOpts: { ifGenerationMatch: 0 },
      });
      return objectFacts(file.metadata);
    });
  }

  open({ name, generation }: ObjectVersion, range?: ByteRange): Promise<Readable> {
    return bucketCall(this.#within(callMs), name, async (bucket, call) => {
      const stream = bucket.file(name, { generation }).createReadStream({
        validation: false,
        ...(range === undefined ? {} : { start: range.first, end: range.last }),
      });
      call.signal.addEventListener('abort', () => stream.destroy(), { once: true });
      await new Promise<void>((resolve, reject) => {
        stream.once('error', reject);
        // An answer that is none ends in an error.
        stream.once('response', ({ statusCode }: { statusCode: number }) => statusCode < 300 && resolve());
        // The client asks only once somebody reads.
        stream.resume();
        stream.pause();
      });
      return withoutSilence(stream, this.#clock, call);
    });
  }

  async startUpload(name: string, bytes: number, object: NewObject): Promise<string> {
    const [address] = await bucketCall(this.#within(callMs), name, (bucket) =>
      bucket.file(name).createResumableUpload({
        metadata: { ...metadataOf(object), contentLength: bytes },
        preconditionOpts: { ifGenerationMatch: 0 },
      }),
    );
    return address;
  }

  async signedUrl(name: string, untilMs: number, nowMs: number): Promise<string> {
    const [url] = await bucketCall(this.#within(callMs), name, (bucket) =>
      bucket.file(name).getSignedUrl({
        version: 'v4',
        action: 'read',
        accessibleAt: nowMs,
        expires: untilMs,
      }),
    );
    return url;
  }

  async label({ name, generation }: ObjectVersion, labels: Readonly<Record<string, string>>): Promise<void> {
    const label = (bucket: Bucket) =>
      bucket.file(name).setMetadata({ metadata: { ...labels } }, { ifGenerationMatch: generation });
    await bucketCall(this.#within(callMs), name, label, gone);
  }

  async delete({ name, generation }: ObjectVersion): Promise<void> {
    const remove = (bucket: Bucket) => bucket.file(name).delete({ ifGenerationMatch: generation });
    await bucketCall(this.#within(callMs), name, remove, gone);
  }

  async list({ after, before, limit }: { after: string; before: string; limit: number }) {
    const [files] = await bucketCall(this.#within(callMs), after, (bucket) =>
      bucket.getFiles({
        startOffset: `${after}\0`,
        endOffset: before,
        maxResults: limit,
        autoPaginate: false,
      }),
    );
    return files.map(({ metadata }) => objectFacts(metadata));
  }

  #within(limitMs: number): BucketCall {
    return { client: this.#client, name: this.#bucketName, bound: { clock: this.#clock, limitMs } };
  }
}

/** Where the generation that was asked for is not there any more, nothing is to be done. */
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
    contentType,
    contentDisposition,
    metadata: { ...labels },
    ...(customTimeMs === undefined ? {} : { customTime: new Date(customTimeMs).toISOString() }),
  };
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
