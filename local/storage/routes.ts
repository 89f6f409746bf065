import type { Bucket } from './bucket.ts';
import { bucketRoute, bucketsRoute } from './bucketRoutes.ts';
import { composeObject, copyObject } from './copy.ts';
import { corsHeaders } from './cors.ts';
import { download } from './download.ts';
import { notImplemented, StorageError } from './errors.ts';
import { selectFields } from './fields.ts';
import { firebaseRoute } from './firebase.ts';
import { readJson, type StorageReply, type StorageRequest, unknownRoute } from './http.ts';
import { listObjects } from './list.ts';
import { changeFields, type ObjectFields, type StoredObject, toResource } from './object.ts';
import { isNotModified } from './preconditions.ts';
import { insertObject } from './upload.ts';
import { type StorageState, xmlRoute } from './xml.ts';

type Reply = StorageReply | Promise<StorageReply>;

/** Sends a request to its handler; 404 for what is no part of the API here. */
export async function route(request: StorageRequest, service: StorageState): Promise<StorageReply> {
  const cors = corsHeaders(request, service);
  if (request.method === 'OPTIONS') return { status: 200, headers: cors };
  try {
    refuseKeys(request);
    const reply = await answer(request, service);
    const fields = request.query.get('fields');
    if (fields && reply.json !== undefined) reply.json = Object(selectFields(reply.json, fields));
    return { ...reply, headers: { ...reply.headers, ...cors } };
  } catch (error) {
    // A page that may read the answer may read what went wrong.
    if (error instanceof StorageError) return { status: error.status, json: error.toJson(), headers: cors };
    throw error;
  }
}

/**
 * Throws 501 for keys of the caller's own or of Cloud KMS: content would be kept without them,
 * and be read without them.
 */
function refuseKeys({ headers, query }: StorageRequest): void {
  const isKey = /^x-goog-(copy-source-)?encryption-/;
  if (Object.keys(headers).some((name) => isKey.test(name))) throw notImplemented('customer keys');
  if (query.get('kmsKeyName') || query.get('destinationKmsKeyName')) throw notImplemented('kmsKeyName');
}

function answer(request: StorageRequest, service: StorageState): Reply {
  const { buckets, sessions } = service;
  const { method, segments, isUpload } = request;
  const [collection, bucketName, kind, objectName, action] = segments;
  if (collection === 'v0' && bucketName === 'b') return firebaseRoute(request, buckets);
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
  if (method === 'POST' && action === 'compose') return composeObject(request, bucket, objectName);
  if (action !== undefined) throw unknownRoute(request);
  return objectRoute(request, bucket, objectName);
}

async function objectRoute(request: StorageRequest, bucket: Bucket, name: string): Promise<StorageReply> {
  const { method, query, origin } = request;
  switch (method) {
    case 'GET': {
      const live = bucket.find(name);
      if (live !== undefined && isNotModified(query, live)) return { status: 304, billedAs: 'class_b' };
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
