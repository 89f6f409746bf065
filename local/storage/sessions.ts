import { randomUUID } from 'node:crypto';
import type { LocalClock } from '../shared/clock.ts';
import type { Bucket } from './bucket.ts';
import { sentChecksums } from './checksums.ts';
import { invalid, StorageError } from './errors.ts';
import { readBody, type StorageReply, type StorageRequest } from './http.ts';
import { type ObjectFields, toResource } from './object.ts';

/** https://cloud.google.com/storage/docs/resumable-uploads#session-uris */
const sessionLifeMs = 7 * 24 * 60 * 60 * 1000;
/** The unit in which bytes of a chunk are kept, but for the last chunk. */
const granuleBytes = 256 * 1024;

/** The object that an upload session was opened for. */
interface UploadTarget {
  readonly bucket: Bucket;
  readonly name: string;
  /** Preconditions, checked when it is opened and again when it ends. */
  readonly query: URLSearchParams;
  readonly metadata: Record<string, unknown>;
  readonly fields: ObjectFields;
  /** `X-Upload-Content-Length`. */
  readonly declaredBytes: number | undefined;
  /** `Origin` of the request that opened it. */
  readonly origin?: string | undefined;
  /** Limits that a signed address sets. */
  readonly lengthRange?: LengthRange | undefined;
}

/** Bytes that an upload may have, both included. */
interface LengthRange {
  readonly min: number;
  readonly max: number;
}

interface Session extends UploadTarget {
  readonly openedMs: number;
  chunks: Buffer[];
  receivedBytes: number;
  /** The object's resource, for a caller who lost the answer. Without its content, which may be gone by then. */
  finished: Record<string, unknown> | undefined;
}

/** The part of the object that a request brings: from where, and the whole size if it is known. */
interface Range {
  firstByte: number;
  /** Undefined: up to the end of this body, and that is the end of the object. */
  lastByte: number | undefined;
  totalBytes: number | undefined;
}

/** Resumable uploads under way (https://cloud.google.com/storage/docs/performing-resumable-uploads). */
export class UploadSessions {
  readonly #clock: LocalClock;
  readonly #sessions = new Map<string, Session>();

  constructor(clock: LocalClock) {
    this.#clock = clock;
  }

  /** Returns the id, which is the permission to upload. */
  open(target: UploadTarget): string {
    this.#forgetOld();
    const id = randomUUID();
    this.#sessions.set(id, {
      ...target,
      openedMs: this.#clock.now(),
      chunks: [],
      receivedBytes: 0,
      finished: undefined,
    });
    return id;
  }

  /** The `Origin` that opened the session; undefined also where there is no such session. */
  originOf(id: string): string | undefined {
    return this.#sessions.get(id)?.origin;
  }

  /** `PUT` to a session's address: content, or with `bytes` `*` the question how much is there. */
  async put(request: StorageRequest): Promise<StorageReply> {
    const session = this.#find(request);
    const range = readRange(request.headers['content-range']);
    const { bytes, isWhole } = await readBody(request.message);
    if (session.finished !== undefined) return { status: 200, json: session.finished };
    if (range === 'status') return incomplete(session);
    if (typeof range === 'number')
      return range === session.receivedBytes ? this.#finish(session, request) : incomplete(session);
    const isLast = isWhole && isLastPart(range, bytes.length);
    this.#append(session, range.firstByte, bytes, isLast);
    if (!isLast) return incomplete(session);
    if (range.totalBytes !== undefined && range.totalBytes !== session.receivedBytes) {
      throw invalid(`The upload has ${session.receivedBytes} bytes instead of ${range.totalBytes}.`);
    }
    return this.#finish(session, request);
  }

  /** `DELETE`: forgets the session and what it holds. */
  cancel(request: StorageRequest): StorageReply {
    this.#find(request);
    this.#sessions.delete(request.query.get('upload_id') ?? '');
    return { status: 499 };
  }

  #find(request: StorageRequest): Session {
    const id = request.query.get('upload_id') ?? '';
    const session = this.#sessions.get(id);
    if (session === undefined) throw new StorageError(404, 'notFound', 'No such upload session.');
    if (this.#clock.now() - session.openedMs < sessionLifeMs) return session;
    this.#sessions.delete(id);
    throw new StorageError(410, 'gone', 'The upload session is older than a week.');
  }

  /** Forgets sessions after twice their life: for the second half of it they are known to be gone. */
  #forgetOld(): void {
    for (const [id, { openedMs }] of this.#sessions) {
      if (this.#clock.now() - openedMs < 2 * sessionLifeMs) return;
      this.#sessions.delete(id);
    }
  }

  #append(session: Session, firstByte: number, bytes: Buffer, isLast: boolean): void {
    const known = session.receivedBytes - firstByte;
    if (known < 0) {
      throw invalid(
        `The upload has ${session.receivedBytes} bytes; content from byte ${firstByte} leaves a gap.`,
      );
    }
    const fresh = bytes.subarray(Math.min(known, bytes.length));
    const rest = isLast ? 0 : (session.receivedBytes + fresh.length) % granuleBytes;
    const kept = fresh.subarray(0, Math.max(0, fresh.length - rest));
    if (kept.length === 0) return;
    session.chunks.push(kept);
    session.receivedBytes += kept.length;
  }

  #finish(session: Session, request: StorageRequest): StorageReply {
    const { declaredBytes, receivedBytes } = session;
    if (declaredBytes !== undefined && declaredBytes !== receivedBytes) {
      throw invalid(
        `The upload has ${receivedBytes} bytes; ${declaredBytes} were declared when it was opened.`,
      );
    }
    checkLength(receivedBytes, session.lengthRange);
    const sent = sentChecksums(session.metadata, request.headers['x-goog-hash']);
    const data = Buffer.concat(session.chunks);
    const object = session.bucket.put(session.name, { data, fields: session.fields, sent }, session.query);
    session.finished = toResource(object, request.origin);
    session.chunks = [];
    return { status: 200, json: session.finished };
  }
}

/** `x-goog-content-length-range: min,max`. Throws 400. */
export function readLengthRange(header: string | string[] | undefined): LengthRange | undefined {
  if (header === undefined) return undefined;
  const match = /^(\d+),(\d+)$/.exec(String(header).replaceAll(' ', ''));
  if (match === null) throw invalid('x-goog-content-length-range has to be two numbers: min,max.');
  return { min: Number(match[1]), max: Number(match[2]) };
}

/** Throws 400 for content outside the range. */
export function checkLength(bytes: number, range: LengthRange | undefined): void {
  if (range === undefined) return;
  if (bytes > range.max)
    throw new StorageError(400, 'entityTooLarge', `Over ${range.max} bytes are not taken.`);
  if (bytes < range.min)
    throw new StorageError(400, 'entityTooSmall', `Under ${range.min} bytes are not taken.`);
}

function incomplete(session: Session): StorageReply {
  const { receivedBytes } = session;
  return { status: 308, headers: receivedBytes > 0 ? { range: `bytes=0-${receivedBytes - 1}` } : {} };
}

function isLastPart(range: Range, bodyBytes: number): boolean {
  if (range.lastByte === undefined) return true;
  if (range.lastByte - range.firstByte + 1 !== bodyBytes) {
    throw invalid(`The body has ${bodyBytes} bytes and its Content-Range says otherwise.`);
  }
  return range.lastByte + 1 === range.totalBytes;
}

/** `status` asks without knowing the size; a number is the size of an upload that may be complete. Throws 400. */
function readRange(header: string | undefined): Range | 'status' | number {
  if (header === undefined) return { firstByte: 0, lastByte: undefined, totalBytes: undefined };
  const match = /^bytes (?:\*|(\d+)-(\d+|\*))\/(\d+|\*)$/.exec(header);
  if (match === null) throw invalid(`Invalid Content-Range: "${header}".`);
  const [, first, last, total] = match;
  const totalBytes = total === '*' ? undefined : Number(total);
  if (first === undefined) return totalBytes ?? 'status';
  return { firstByte: Number(first), lastByte: last === '*' ? undefined : Number(last), totalBytes };
}
