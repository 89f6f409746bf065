import type { Bucket } from './bucket.ts';
import type { Buckets } from './buckets.ts';
import { sentChecksums } from './checksums.ts';
import { download } from './download.ts';
import { conditionNotMet, invalid, StorageError } from './errors.ts';
import { readWhole, type StorageReply, type StorageRequest } from './http.ts';
import {
  changeFields,
  checkName,
  etagOf,
  hashHeader,
  type ObjectFields,
  type StoredObject,
} from './object.ts';
import { checkPreconditions } from './preconditions.ts';
import { checkLength, readLengthRange, type UploadSessions } from './sessions.ts';
import { checkSignature, type Signer } from './signed.ts';

/** Sources of an answer. */
export interface StorageState {
  readonly buckets: Buckets;
  readonly sessions: UploadSessions;
  readonly signers: readonly Signer[];
  readonly nowMs: number;
}

/** `/bucket/object` of the XML API, as signed addresses have it: no other call is let in. Answers errors in XML. */
export async function xmlRoute(request: StorageRequest, service: StorageState): Promise<StorageReply> {
  try {
    return await answer(request, service);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    const headers = { 'content-type': 'application/xml; charset=UTF-8' };
    return { status: error.status, headers, bytes: Buffer.from(error.toXml()) };
  }
}

async function answer(request: StorageRequest, service: StorageState): Promise<StorageReply> {
  const { method, segments, query } = request;
  // A session's address is itself the permission.
  if (query.has('upload_id')) {
    if (method === 'PUT') return service.sessions.put(request);
    if (method === 'DELETE') return service.sessions.cancel(request);
  }
  checkSignature(request, service.signers, service.nowMs);
  const [bucketName = '', ...rest] = segments;
  const bucket = service.buckets.get(bucketName);
  const name = rest.join('/');
  const conditions = conditionsOf(request);
  switch (method) {
    case 'GET':
    case 'HEAD':
      return read(request, bucket.get(name, conditions));
    case 'PUT':
      return putObject(request, bucket, name, conditions);
    case 'POST':
      return openSession(request, bucket, name, conditions, service.sessions);
    case 'DELETE':
      bucket.delete(bucket.get(name, conditions));
      return { status: 204 };
    default:
      throw new StorageError(
        405,
        'methodNotAllowed',
        'The specified method is not allowed against this resource.',
      );
  }
}

/** The content; what a signed address asks for goes before what the object has. */
function read(request: StorageRequest, object: StoredObject): StorageReply {
  const { 'if-none-match': known, 'if-match': wanted, 'if-range': ranged } = request.headers;
  const etag = xmlEtag(object);
  const has = (tags: string) => tags.split(',').some((tag) => tag.trim() === '*' || tag.trim() === etag);
  if (wanted !== undefined && !has(wanted)) throw conditionNotMet();
  if (known !== undefined && has(known)) return { status: 304, headers: { etag }, billedAs: 'class_b' };
  const { range: _, ...whole } = request.headers;
  const isOfAnother = ranged !== undefined && ranged !== etag;
  const reply = download(isOfAnother ? { ...request, headers: whole } : request, object);
  const headers: Record<string, string | number> = { ...reply.headers, etag };
  for (const name of ['content-type', 'content-disposition']) {
    const value = request.query.get(`response-${name}`);
    if (value !== null) headers[name] = value;
  }
  return { ...reply, headers };
}

/** The XML API's tag is the content's MD5; a composed object, which has none, has another. */
function xmlEtag(object: StoredObject): string {
  const { md5Hash } = object;
  return `"${md5Hash === undefined ? etagOf(object) : Buffer.from(md5Hash, 'base64').toString('hex')}"`;
}

async function putObject(
  request: StorageRequest,
  bucket: Bucket,
  name: string,
  conditions: URLSearchParams,
): Promise<StorageReply> {
  const range = readLengthRange(request.headers['x-goog-content-length-range']);
  const data = await readWhole(request.message);
  checkLength(data.length, range);
  const md5Hash = request.headers['content-md5'];
  const sent = {
    ...sentChecksums({}, request.headers['x-goog-hash']),
    ...(md5Hash ? { md5Hash: String(md5Hash) } : {}),
  };
  const object = bucket.put(name, { data, fields: fieldsOf(request), sent }, conditions);
  const headers = {
    'x-goog-generation': object.generation,
    'x-goog-metageneration': object.metageneration,
    'x-goog-hash': hashHeader(object),
    'x-goog-stored-content-length': object.data.length,
    etag: xmlEtag(object),
  };
  return { status: 200, headers, billedAs: 'class_a' };
}

function openSession(
  request: StorageRequest,
  bucket: Bucket,
  name: string,
  conditions: URLSearchParams,
  sessions: UploadSessions,
): StorageReply {
  if (request.headers['x-goog-resumable'] !== 'start')
    throw invalid('POST needs the header x-goog-resumable: start.');
  checkPreconditions(conditions, bucket.find(checkName(name)));
  const id = sessions.open({
    bucket,
    name,
    query: conditions,
    metadata: {},
    fields: fieldsOf(request),
    declaredBytes: undefined,
    origin: request.headers.origin,
    lengthRange: readLengthRange(request.headers['x-goog-content-length-range']),
  });
  const path = [bucket.name, ...name.split('/')].map(encodeURIComponent).join('/');
  const location = `${request.origin}/${path}?upload_id=${id}`;
  return { status: 201, headers: { location, 'x-guploader-uploadid': id }, billedAs: 'class_a' };
}

/** https://cloud.google.com/storage/docs/xml-api/reference-headers */
function fieldsOf({ headers }: StorageRequest): ObjectFields {
  const labels = Object.entries(headers).filter(([header]) => header.startsWith('x-goog-meta-'));
  const metadata = Object.fromEntries(
    labels.map(([header, value]) => [header.slice('x-goog-meta-'.length), value]),
  );
  return changeFields(
    {},
    {
      contentType: headers['content-type'],
      contentEncoding: headers['content-encoding'],
      contentDisposition: headers['content-disposition'],
      contentLanguage: headers['content-language'],
      cacheControl: headers['cache-control'],
      customTime: headers['x-goog-custom-time'],
      ...(labels.length > 0 ? { metadata } : {}),
    },
  );
}

/** The preconditions of the XML API's headers as the JSON API's parameters, and the generation asked for. */
function conditionsOf({ headers, query }: StorageRequest): URLSearchParams {
  const conditions = new URLSearchParams();
  const generation = query.get('generation');
  if (generation !== null) conditions.set('generation', generation);
  for (const [header, parameter] of [
    ['x-goog-if-generation-match', 'ifGenerationMatch'],
    ['x-goog-if-metageneration-match', 'ifMetagenerationMatch'],
  ] as const) {
    const value = headers[header];
    if (value !== undefined) conditions.set(parameter, String(value));
  }
  return conditions;
}
