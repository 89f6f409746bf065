import type { Bucket } from './bucket.ts';
import type { Buckets } from './buckets.ts';
import { download } from './download.ts';
import { StorageError } from './errors.ts';
import { readJson, type StorageReply, type StorageRequest } from './http.ts';
import { readLifecycle } from './lifecycle.ts';
import { listObjects } from './list.ts';
import { changeFields, type ObjectFields, type StoredObject, toResource } from './object.ts';
import { checkPreconditions } from './preconditions.ts';
import { insertObject } from './upload.ts';
import { type StorageState, xmlRoute } from './xml.ts';

type Reply = StorageReply | Promise<StorageReply>;

/** Sends a request to its handler. Throws {@link StorageError}; 404 for what is no part of the API here. */
export function route(request: StorageRequest, service: StorageState): Reply {
  const { buckets, sessions } = service;
  const { method, segments, isUpload } = request;
  const [collection, bucketName, kind, objectName, action] = segments;
  if (collection !== 'b') return xmlRoute(request, service);
  if (isUpload && request.query.has('upload_id')) {
    if (method === 'DELETE') return sessions.cancel(request);
    if (method === 'PUT' || method === 'POST') return sessions.put(request);
  }
  if (bucketName === undefined || bucketName === '') return bucketsRoute(request, buckets);
  const bucket = buckets.get(bucketName);
  if (kind === undefined) return bucketRoute(request, bucket, buckets);
  if (kind !== 'o') throw unknownRoute(request);
  if (objectName === undefined) {
    if (method === 'GET') return listObjects(request, bucket);
    if (method === 'POST') return insertObject(request, bucket, sessions);
    throw unknownRoute(request);
  }
  if (method === 'POST' && (action === 'rewriteTo' || action === 'copyTo'))
    return copyObject(request, buckets);
  if (action !== undefined) throw unknownRoute(request);
  return objectRoute(request, bucket, objectName);
}

async function bucketsRoute(request: StorageRequest, buckets: Buckets): Promise<StorageReply> {
  if (request.method === 'GET') {
    const items = buckets.all().map((bucket) => bucketResource(bucket, request.origin));
    return { status: 200, json: { kind: 'storage#buckets', items }, billedAs: 'class_a' };
  }
  if (request.method !== 'POST') throw unknownRoute(request);
  const body = await readJson(request.message);
  const bucket = buckets.create(String(body['name'] ?? ''));
  if (body['lifecycle'] !== undefined) bucket.setLifecycle(readLifecycle(body['lifecycle']));
  return { status: 200, json: bucketResource(bucket, request.origin), billedAs: 'class_a' };
}

async function bucketRoute(request: StorageRequest, bucket: Bucket, buckets: Buckets): Promise<StorageReply> {
  switch (request.method) {
    case 'GET':
      return { status: 200, json: bucketResource(bucket, request.origin), billedAs: 'class_b' };
    case 'PUT':
    case 'PATCH': {
      const body = await readJson(request.message);
      if (body['lifecycle'] !== undefined) bucket.setLifecycle(readLifecycle(body['lifecycle']));
      return { status: 200, json: bucketResource(bucket, request.origin), billedAs: 'class_a' };
    }
    case 'DELETE':
      buckets.delete(bucket);
      return { status: 204 };
    default:
      throw unknownRoute(request);
  }
}

async function objectRoute(request: StorageRequest, bucket: Bucket, name: string): Promise<StorageReply> {
  const { method, query, origin } = request;
  switch (method) {
    case 'GET': {
      const object = bucket.get(name, query);
      if (query.get('alt') === 'media') return download(request, object);
      return { status: 200, json: toResource(object, origin), billedAs: 'class_b' };
    }
    case 'PUT':
    case 'PATCH': {
      const change = await readJson(request.message);
      const object = bucket.get(name, query);
      const changed = bucket.setFields(object, changeFields(fieldsToChange(object, method), change));
      return { status: 200, json: toResource(changed, origin), billedAs: 'class_a' };
    }
    case 'DELETE':
      bucket.delete(bucket.get(name, query));
      return { status: 204 };
    default:
      throw unknownRoute(request);
  }
}

/** PUT replaces the fields, but a custom time stays; PATCH changes what it names. */
function fieldsToChange(object: StoredObject, method: string): ObjectFields {
  if (method === 'PATCH') return object.fields;
  const { customTime } = object.fields;
  return customTime === undefined ? {} : { customTime };
}

/** `POST b/B/o/O/rewriteTo|copyTo/b/B2/o/O2`, always in one step. */
async function copyObject(request: StorageRequest, buckets: Buckets): Promise<StorageReply> {
  const { segments, query, origin } = request;
  const [, fromBucket = '', , fromName = '', action, , toBucket = '', , toName = ''] = segments;
  const metadata = await readJson(request.message);
  const pinned = new URLSearchParams();
  const sourceGeneration = query.get('sourceGeneration');
  if (sourceGeneration !== null) pinned.set('generation', sourceGeneration);
  const source = buckets.get(fromBucket).get(fromName, pinned);
  checkPreconditions(query, source, 'Source');
  const hasMetadata = Object.keys(metadata).length > 0;
  const fields = hasMetadata ? changeFields({}, metadata) : source.fields;
  const object = buckets.get(toBucket).put(toName, source.data, fields, {}, query);
  const resource = toResource(object, origin);
  if (action === 'copyTo') return { status: 200, json: resource, billedAs: 'class_a' };
  const size = String(object.data.length);
  const progress = {
    kind: 'storage#rewriteResponse',
    done: true,
    totalBytesRewritten: size,
    objectSize: size,
  };
  return { status: 200, json: { ...progress, resource }, billedAs: 'class_a' };
}

function bucketResource(bucket: Bucket, origin: string): object {
  const lifecycle = bucket.lifecycle();
  return {
    kind: 'storage#bucket',
    id: bucket.name,
    name: bucket.name,
    selfLink: `${origin}/storage/v1/b/${bucket.name}`,
    location: 'US-CENTRAL1',
    locationType: 'region',
    storageClass: 'STANDARD',
    metageneration: String(bucket.metageneration),
    timeCreated: new Date(bucket.createdMs).toISOString(),
    updated: new Date(bucket.updatedMs).toISOString(),
    ...(lifecycle.rule === undefined ? {} : { lifecycle }),
  };
}

function unknownRoute({ method, message }: StorageRequest): StorageError {
  return new StorageError(404, 'notFound', `Not part of the local Cloud Storage: ${method} ${message.url}`);
}
