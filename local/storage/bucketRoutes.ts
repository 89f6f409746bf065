import type { Bucket } from './bucket.ts';
import type { Buckets } from './buckets.ts';
import { conditionNotMet, unknownRoute } from './errors.ts';
import { readJson, type StorageReply, type StorageRequest } from './http.ts';
import { changeSettings } from './settings.ts';

/** `b`: lists buckets, makes one. */
export async function bucketsRoute(request: StorageRequest, buckets: Buckets): Promise<StorageReply> {
  if (request.method === 'GET') {
    const items = buckets.all().map((bucket) => toResource(bucket, request.origin));
    return { status: 200, json: { kind: 'storage#buckets', items }, billedAs: 'class_a' };
  }
  if (request.method !== 'POST') throw unknownRoute(request);
  const body = await readJson(request.message);
  const settings = changeSettings({ lifecycle: {} }, body);
  const bucket = buckets.create(String(body['name'] ?? ''), settings);
  return { status: 200, json: toResource(bucket, request.origin), billedAs: 'class_a' };
}

/** `b/B`: shows, changes, deletes one. */
export async function bucketRoute(
  request: StorageRequest,
  bucket: Bucket,
  buckets: Buckets,
): Promise<StorageReply> {
  switch (request.method) {
    case 'GET':
      return { status: 200, json: toResource(bucket, request.origin), billedAs: 'class_b' };
    case 'PUT':
    case 'PATCH': {
      const change = await readJson(request.message);
      const wanted = request.query.get('ifMetagenerationMatch');
      if (wanted !== null && Number(wanted) !== bucket.metageneration) throw conditionNotMet();
      const before = request.method === 'PUT' ? { lifecycle: {} } : bucket.settings;
      bucket.setSettings(changeSettings(before, change));
      return { status: 200, json: toResource(bucket, request.origin), billedAs: 'class_a' };
    }
    case 'DELETE':
      buckets.delete(bucket);
      return { status: 204 };
    default:
      throw unknownRoute(request);
  }
}

function toResource(bucket: Bucket, origin: string): object {
  const { lifecycle, ...settings } = bucket.settings;
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
    ...settings,
    ...(lifecycle.rule === undefined ? {} : { lifecycle }),
  };
}
