import { backoffMs, pause } from './clock.ts';
import { ApiError, NotFound, type Ticket, Unavailable, UploadFailed, UploadInterrupted } from './errors.ts';
import { builtin, builtinIfPresent } from './node.ts';
import type { Transport } from './transport.ts';
import type { FileRecord, FileType } from './types.ts';

/** Files up to this size travel in the body. */
const maxBodyFileBytes = 1024 * 1024;
/** A part of a resumable upload: a multiple of 256 KiB, as Cloud Storage asks. */
const partBytes = 8 * 1024 * 1024;
/** Failures in a row, without a byte more, after which an upload is given up. */
const maxFailures = 6;
const backoff = { firstMs: 250, maxMs: 30_000 };
const maxLookMs = 2000;

/** Bytes, a file of a browser's, or in Node the path of a file. */
export type Source = Uint8Array<ArrayBuffer> | ArrayBuffer | Blob | string;

export interface UploadOptions {
  fileName: string;
  contentType?: string | undefined;
  fileType?: FileType | undefined;
  idempotencyKey?: string | undefined;
  /** Hears how many bytes have arrived. */
  progress?: ((sentBytes: number, sizeBytes: number) => void) | undefined;
  /** The ticket of an upload that was interrupted. */
  resume?: Ticket | undefined;
  /** The time until a large file must be stored; after that it is answered as `pending`: 30 s. */
  waitMs?: number | undefined;
}

/** Stores a file; see `Sluice.uploadFile`. */
export async function upload(
  transport: Transport,
  source: Source,
  options: UploadOptions,
): Promise<FileRecord> {
  const blob = await blobOf(source);
  const { progress, resume, waitMs = 30_000 } = options;
  if (blob.size <= maxBodyFileBytes && resume === undefined) {
    const record = await uploadInBody(transport, blob, options);
    progress?.(blob.size, blob.size);
    return record;
  }
  const ticket = resume ?? (await begin(transport, blob, options));
  if (ticket.size !== blob.size) {
    throw new RangeError(`The upload to go on with is of ${ticket.size} bytes; this file has ${blob.size}.`);
  }
  // A finished upload has no address.
  if (ticket.url !== undefined) await new Upload(transport, blob, ticket, ticket.url, progress).send();
  return stored(transport, ticket.file_id, waitMs);
}

/** The bytes of a file, from Sluice or from where it sends on to; nobody else gets the key. */
export async function download(transport: Transport, fileId: string): Promise<Uint8Array<ArrayBuffer>> {
  const { base, keyHeader: headers } = transport;
  const path = `${base}/v1/files/${encodeURIComponent(fileId)}/content`;
  let answer = await transport.request('GET', path, { headers });
  const location = answer.headers.get('location');
  if (answer.status === 302 && location !== null) {
    answer = await transport.request('GET', new URL(location, path).href, { redirect: 'follow' });
  } else if (answer.status === 0) {
    // A browser does not say where to: this route sends the bytes itself.
    const whole = `${base}/api/v1/files/${encodeURIComponent(fileId)}/download`;
    answer = await transport.request('GET', whole, { headers });
  }
  if (answer.status !== 200) throw transport.errorOf(answer);
  return answer.body;
}

async function blobOf(source: Source): Promise<Blob> {
  if (typeof source === 'string') return builtin('node:fs', 'A path').openAsBlob(source);
  return source instanceof Blob ? source : new Blob([source]);
}

async function uploadInBody(transport: Transport, blob: Blob, options: UploadOptions): Promise<FileRecord> {
  const { fileName, fileType = 'other', contentType = 'application/octet-stream' } = options;
  const headers = {
    ...keyOf(options),
    'Content-Type': contentType,
    'X-File-Type': fileType,
    'X-File-Name': /^[\x20-\x7e]*$/.test(fileName) ? fileName : encodeURIComponent(fileName),
  };
  return transport.json('POST', '/v1/files', { body: new Uint8Array(await blob.arrayBuffer()), headers });
}

function keyOf({ idempotencyKey }: UploadOptions): Record<string, string> {
  return idempotencyKey === undefined ? {} : { 'Idempotency-Key': idempotencyKey };
}

async function begin(transport: Transport, blob: Blob, options: UploadOptions): Promise<Ticket> {
  const { fileName, fileType = 'other', contentType = 'application/octet-stream' } = options;
  const { size } = blob;
  const wanted = { file_name: fileName, content_type: contentType, size, file_type: fileType };
  const json = { ...wanted, sha256: await sha256Of(blob) };
  const record = await transport.json<FileRecord>('POST', '/v1/files', { json, headers: keyOf(options) });
  const { url, headers = {}, expires_at } = record.upload ?? {};
  return { file_id: record.file_id, size, url, headers, expires_at };
}

/** The hash in Node; browsers have none that takes a file bit by bit. */
async function sha256Of(blob: Blob): Promise<string | undefined> {
  const hash = builtinIfPresent('node:crypto')?.createHash('sha256');
  if (hash === undefined) return undefined;
  for await (const chunk of blob.stream()) hash.update(chunk);
  return hash.digest('hex');
}

/** A direct upload in parts: sends those that are missing, and after each cut asks how far it is. */
class Upload {
  readonly #transport: Transport;
  readonly #blob: Blob;
  readonly #ticket: Ticket;
  readonly #url: string;
  readonly #progress: UploadOptions['progress'];
  #sent = 0;
  #failures = 0;

  constructor(
    transport: Transport,
    blob: Blob,
    ticket: Ticket,
    url: string,
    progress: UploadOptions['progress'],
  ) {
    this.#transport = transport;
    this.#blob = blob;
    this.#ticket = ticket;
    this.#url = url;
    this.#progress = progress;
  }

  async send(): Promise<void> {
    const { size } = this.#blob;
    let isKnown = false;
    while (!isKnown || this.#sent < size) {
      const before = this.#sent;
      try {
        this.#sent = isKnown ? await this.#sendPart() : await this.#put(`bytes */${size}`, new Uint8Array());
        isKnown = true;
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
        await this.#failed(error);
        isKnown = false;
      }
      if (this.#sent <= before) continue;
      this.#failures = 0;
      this.#progress?.(this.#sent, size);
    }
  }

  async #sendPart(): Promise<number> {
    const end = Math.min(this.#blob.size, this.#sent + partBytes);
    const part = new Uint8Array(await this.#blob.slice(this.#sent, end).arrayBuffer());
    return this.#put(`bytes ${this.#sent}-${end - 1}/${this.#blob.size}`, part);
  }

  /** Sends a part; answers how many bytes have arrived. */
  async #put(range: string, body: Uint8Array<ArrayBuffer>): Promise<number> {
    const headers = { ...this.#ticket.headers, 'Content-Range': range };
    // 308 says how far it is, and only `follow` lets a browser see it; the key is not sent here.
    const answer = await this.#transport.request('PUT', this.#url, { body, headers, redirect: 'follow' });
    const { status } = answer;
    if (status === 200 || status === 201) return this.#blob.size;
    if (status === 308) {
      const [, last] = /^bytes=0-(\d+)$/.exec(answer.headers.get('range') ?? '') ?? [];
      return last === undefined ? 0 : Number(last) + 1;
    }
    if (status === 404 || status === 410) {
      throw new UploadFailed('The address of this upload is gone; begin it anew.');
    }
    if (status === 408 || status === 429 || status >= 500) {
      const retryAfterMs = this.#transport.retryAfterMs(answer.headers);
      throw new Unavailable(`Storage answered ${status}.`, { status, retryAfterMs });
    }
    throw new ApiError(status, undefined, `Storage refused the upload with ${status}.`);
  }

  async #failed(error: Unavailable): Promise<void> {
    this.#failures += 1;
    if (this.#failures >= maxFailures) {
      const message = `The upload stopped at byte ${this.#sent} of ${this.#blob.size}: ${error.message}`;
      throw new UploadInterrupted(message, this.#ticket, error);
    }
    const { world } = this.#transport;
    await pause(world.clock, backoffMs(world, this.#failures, backoff, error.retryAfterMs));
  }
}

/** The file once it is stored, or as it is after that time. */
async function stored(transport: Transport, fileId: string, waitMs: number): Promise<FileRecord> {
  const { clock } = transport.world;
  const endMs = clock.now() + waitMs;
  for (let lookMs = 200; ; lookMs = Math.min(maxLookMs, lookMs * 1.5)) {
    const isLate = clock.now() >= endMs;
    try {
      const record = await transport.json<FileRecord>('GET', `/v1/files/${encodeURIComponent(fileId)}`);
      if (record.status === 'failed') {
        throw new UploadFailed(`${fileId}: ${record.reason ?? 'what arrived is not what was declared'}`);
      }
      if (record.status !== 'pending' || isLate) return record;
    } catch (error) {
      if (isLate || !(error instanceof NotFound || error instanceof Unavailable)) throw error;
    }
    await pause(clock, lookMs);
  }
}
