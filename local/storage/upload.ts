import type { Bucket } from './bucket.ts';
import { sentChecksums } from './checksums.ts';
import { invalid } from './errors.ts';
import { parseJson, readJson, readWhole, type StorageReply, type StorageRequest } from './http.ts';
import { changeFields, checkName, toResource } from './object.ts';
import { checkPreconditions } from './preconditions.ts';
import type { UploadSessions } from './sessions.ts';

/** `POST /upload/storage/v1/b/B/o`: all of an object at once, or a session to send it in. */
export function insertObject(
  request: StorageRequest,
  bucket: Bucket,
  sessions: UploadSessions,
): Promise<StorageReply> {
  switch (request.query.get('uploadType')) {
    case 'resumable':
      return openSession(request, bucket, sessions);
    case 'multipart':
      return insertMultipart(request, bucket);
    default:
      return insertMedia(request, bucket);
  }
}

async function insertMedia(request: StorageRequest, bucket: Bucket): Promise<StorageReply> {
  const data = await readWhole(request.message);
  return store(request, bucket, {}, request.headers['content-type'], data);
}

async function insertMultipart(request: StorageRequest, bucket: Bucket): Promise<StorageReply> {
  const parts = splitMultipart(await readWhole(request.message), request.headers['content-type'] ?? '');
  const [description, media] = parts;
  if (description === undefined || media === undefined || parts.length !== 2) {
    throw invalid('A multipart upload has two parts: the metadata and the content.');
  }
  return store(request, bucket, parseJson(description.body.toString()), media.contentType, media.body);
}

function store(
  request: StorageRequest,
  bucket: Bucket,
  metadata: Record<string, unknown>,
  contentType: string | undefined,
  data: Buffer,
): StorageReply {
  const name = request.query.get('name') ?? String(metadata['name'] ?? '');
  const fields = changeFields(contentType === undefined ? {} : { contentType }, metadata);
  const sent = sentChecksums(metadata, request.headers['x-goog-hash']);
  const object = bucket.put(name, { data, fields, sent }, request.query);
  return { status: 200, json: toResource(object, request.origin), billedAs: 'class_a' };
}

async function openSession(
  request: StorageRequest,
  bucket: Bucket,
  sessions: UploadSessions,
): Promise<StorageReply> {
  const { headers, query, origin } = request;
  const metadata = await readJson(request.message);
  const name = checkName(query.get('name') ?? String(metadata['name'] ?? ''));
  checkPreconditions(query, bucket.find(name));
  const contentType = headers['x-upload-content-type'];
  const declaredBytes = headers['x-upload-content-length'];
  const id = sessions.open({
    bucket,
    name,
    query,
    metadata,
    fields: changeFields(typeof contentType === 'string' ? { contentType } : {}, metadata),
    origin: headers.origin,
    declaredBytes: declaredBytes === undefined ? undefined : Number(declaredBytes),
  });
  const path = `/upload/storage/v1/b/${encodeURIComponent(bucket.name)}/o`;
  const address = new URLSearchParams({ uploadType: 'resumable', name, upload_id: id });
  return {
    status: 200,
    headers: { location: `${origin}${path}?${address}`, 'x-guploader-uploadid': id },
    billedAs: 'class_a',
  };
}

interface Part {
  contentType: string | undefined;
  body: Buffer;
}

/** The parts of a multipart/related body (RFC 2046). */
function splitMultipart(body: Buffer, contentType: string): Part[] {
  const boundary = /boundary=(?:"([^"]+)"|([^;]+))/i.exec(contentType);
  if (boundary === null) throw invalid('The content type names no boundary.');
  const delimiter = Buffer.from(`\r\n--${(boundary[1] ?? boundary[2] ?? '').trim()}`);
  const text = Buffer.concat([Buffer.from('\r\n'), body]);
  const parts: Part[] = [];
  let start = text.indexOf(delimiter);
  while (start >= 0) {
    const end = text.indexOf(delimiter, start + delimiter.length);
    if (end < 0) break;
    parts.push(readPart(text.subarray(start + delimiter.length, end)));
    start = end;
  }
  return parts;
}

function readPart(part: Buffer): Part {
  const headersEnd = part.indexOf('\r\n\r\n');
  if (headersEnd < 0) throw invalid('A part of the multipart body has no end of its headers.');
  const contentType = /^content-type:\s*(.+?)\s*$/im.exec(part.subarray(0, headersEnd).toString())?.[1];
  return { contentType, body: part.subarray(headersEnd + 4) };
}
