import { gunzipSync } from 'node:zlib';
import { StorageError } from './errors.ts';
import type { StorageReply, StorageRequest } from './http.ts';
import { etagOf, hashHeader, type StoredObject } from './object.ts';

/** An object's content, or the one range of it that the request asks for. Throws 416. */
export function download(request: StorageRequest, object: StoredObject): StorageReply {
  const { fields } = object;
  const headers: Record<string, string | number> = {
    'content-type': fields.contentType ?? 'application/octet-stream',
    etag: etagOf(object),
    'last-modified': new Date(object.updatedMs).toUTCString(),
    'accept-ranges': 'bytes',
    'x-goog-generation': object.generation,
    'x-goog-metageneration': object.metageneration,
    'x-goog-hash': hashHeader(object),
    'x-goog-stored-content-length': object.data.length,
    'x-goog-stored-content-encoding': fields.contentEncoding ?? 'identity',
    'x-goog-storage-class': 'STANDARD',
  };
  if (fields.contentDisposition !== undefined) headers['content-disposition'] = fields.contentDisposition;
  if (fields.contentLanguage !== undefined) headers['content-language'] = fields.contentLanguage;
  if (fields.cacheControl !== undefined) headers['cache-control'] = fields.cacheControl;
  if (isUnpacked(object, String(request.headers['accept-encoding']))) {
    return { status: 200, headers, bytes: gunzipSync(object.data), isUnsized: true, billedAs: 'class_b' };
  }
  if (fields.contentEncoding !== undefined) headers['content-encoding'] = fields.contentEncoding;
  const range = readRange(request.headers.range, object.data.length);
  if (range === undefined) return { status: 200, headers, bytes: object.data, billedAs: 'class_b' };
  headers['content-range'] = `bytes ${range.first}-${range.last}/${object.data.length}`;
  const bytes = object.data.subarray(range.first, range.last + 1);
  return { status: 206, headers, bytes, billedAs: 'class_b' };
}

/** Types whose content is compressed by itself; the service publishes no list. */
const compressedTypes =
  /^(image\/(?!svg|bmp)|video\/|audio\/(?!wav)|application\/(x-)?(gzip|zip|bzip2?|7z-compressed))/;

/**
 * True where gzip is taken off before the content is sent, which ignores ranges: where the caller does not take gzip,
 * and, so that nothing is served doubly compressed, where the type is compressed itself
 * (https://cloud.google.com/storage/docs/transcoding).
 */
function isUnpacked({ fields }: StoredObject, acceptEncoding: string): boolean {
  if (fields.contentEncoding !== 'gzip' || /no-transform/.test(fields.cacheControl ?? '')) return false;
  return !/gzip/.test(acceptEncoding) || compressedTypes.test(fields.contentType ?? '');
}

/** A header that is no single byte range is ignored, as HTTP wants it. */
function readRange(header: string | undefined, size: number): { first: number; last: number } | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (match === null || (match[1] === '' && match[2] === '')) return undefined;
  const [, from = '', to = ''] = match;
  const first = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const last = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (from !== '' && to !== '' && Number(to) < first) return undefined;
  if (first < size) return { first, last };
  throw new StorageError(416, 'requestedRangeNotSatisfiable', `Request range not satisfiable: ${header}`);
}
