import { Readable } from 'node:stream';
import { notModified } from '../http/etag.ts';
import { problem } from '../http/problem.ts';
import type { ApiRequest, ApiResponse } from '../http/route.ts';
import { AppError, messageOf } from '../platform/errors.ts';
import type { ByteRange, ObjectFacts, ObjectStore } from '../platform/objects.ts';
import { disposition } from './fileName.ts';
import { maxDeclaredLengthBytes, signedUrlMs, signingPauseMs } from './limits.ts';
import type { FoundFile } from './lookup.ts';
import type { FileParts } from './parts.ts';
import type { FileRecord } from './record.ts';

/** A stored file's entity tag: its bytes never change. */
export function etagOf(record: FileRecord): string {
  return `"${record.sha256 ?? record.md5 ?? record.fileId}"`;
}

/** Streams a file's bytes, or the one range that is asked for; for several all of them, as HTTP allows. */
export async function contentAnswer(
  file: FoundFile,
  request: ApiRequest,
  objects: Pick<ObjectStore, 'open'>,
): Promise<ApiResponse> {
  const { record } = file;
  const etag = etagOf(record);
  const headers: Record<string, string> = {
    etag,
    'accept-ranges': 'bytes',
    'last-modified': new Date(record.createdMs).toUTCString(),
    'content-type': record.contentType,
    'content-disposition': disposition(record.fileName),
    // Whatever somebody uploaded, no browser is to run it as coming from here.
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
  };
  if (notModified(request, etag)) return { status: 304, headers: { etag } };
  // A range is of a GET only (https://www.rfc-editor.org/rfc/rfc9110#name-range).
  const range = request.method === 'HEAD' ? undefined : readRange(request, record.size, etag);
  if (range === 'unsatisfiable') {
    const error = new AppError('range_not_satisfiable', `The file has ${record.size} bytes.`);
    const answer = problem(error, request.requestId);
    return { ...answer, headers: { ...answer.headers, 'content-range': `bytes */${record.size}` } };
  }
  const length = range === undefined ? record.size : range.last - range.first + 1;
  if (length <= maxDeclaredLengthBytes) headers['content-length'] = String(length);
  if (range !== undefined) headers['content-range'] = `bytes ${range.first}-${range.last}/${record.size}`;
  const status = range === undefined ? 200 : 206;
  if (request.method === 'HEAD') return { status, headers };
  return { status, headers, stream: await open(file, range, objects) };
}

async function open(
  { content, object }: FoundFile,
  range: ByteRange | undefined,
  objects: Pick<ObjectStore, 'open'>,
): Promise<Readable> {
  if (content !== undefined) {
    const part = range === undefined ? content : content.subarray(range.first, range.last + 1);
    return Readable.from([part], { objectMode: false });
  }
  if (object === undefined) throw new AppError('not_found', 'There is no such file.');
  return objects.open(object, range);
}

/** The range that is asked for, if it is one and of this version. */
function readRange(request: ApiRequest, size: number, etag: string): ByteRange | 'unsatisfiable' | undefined {
  const condition = request.header('if-range');
  if (condition !== undefined && condition !== etag) return undefined;
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(request.header('range')?.trim() ?? '') ?? [];
  if (from === undefined || to === undefined || (from === '' && to === '')) return undefined;
  if (from === '') {
    const suffix = Math.min(Number(to), size);
    return suffix === 0 ? 'unsatisfiable' : { first: size - suffix, last: size - 1 };
  }
  const first = Number(from);
  const last = to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (to !== '' && Number(to) < first) return undefined;
  return first >= size ? 'unsatisfiable' : { first, last };
}

/** A short-lived signed address of an object; undefined where signing failed lately: it must be streamed. */
export type AddressOf = (object: ObjectFacts) => Promise<string | undefined>;

/** Signs addresses, where this process can sign. */
export function signedAddresses({
  objects,
  clock,
  logger,
}: Pick<FileParts, 'objects' | 'clock' | 'logger'>): AddressOf {
  let pausedUntilMs = 0;
  return async ({ name }) => {
    const nowMs = clock.now();
    if (nowMs < pausedUntilMs) return undefined;
    try {
      return await objects.signedUrl(name, nowMs + signedUrlMs, nowMs);
    } catch (error) {
      pausedUntilMs = nowMs + signingPauseMs;
      logger.warn('Addresses cannot be signed, so files are streamed (docs/incidents.md, “Files”)', {
        reason: messageOf(error),
      });
      return undefined;
    }
  };
}
