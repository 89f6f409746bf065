import type { Bucket } from './bucket.ts';
import type { Buckets } from './buckets.ts';
import { notImplemented } from './errors.ts';
import { readJson, type StorageReply, type StorageRequest, unknownRoute } from './http.ts';
import { pageToken, readPage } from './list.ts';
import { checkPreconditions, isNotModified } from './preconditions.ts';
import { changeSettings, readLocation } from './settings.ts';

/** `b`: lists buckets, makes one. */
export async function bucketsRoute(request: StorageRequest, buckets: Buckets): Promise<StorageReply> {
  if (request.method === 'GET') {
    return { status: 200, json: listBuckets(request, buckets), billedAs: 'class_a' };
  }
  if (request.method !== 'POST') throw unknownRoute(request);
  const body = await readJson(request.message);
  if (request.query.get('enableObjectRetention') === 'true') throw notImplemented('object retention');
  const { location, ...change } = body;
  const settings = { ...changeSettings({ lifecycle: {} }, change), ...readLocation(location) };
  const bucket = buckets.create(String(body['name'] ?? ''), settings);
  return { status: 200, json: toResource(bucket, request.origin), billedAs: 'class_a' };
}

/** `b/B`: shows, changes, deletes one. */
export async function bucketRoute(
  request: StorageRequest,
  bucket: Bucket,
  buckets: Buckets,
): Promise<StorageReply> {
  const { query } = request;
  const versions = { generation: 0, metageneration: bucket.metageneration };
  if (request.method === 'GET' && isNotModified(query, versions)) return { status: 304, billedAs: 'class_b' };
  checkPreconditions(query, versions);
  switch (request.method) {
    case 'GET':
      return { status: 200, json: toResource(bucket, request.origin), billedAs: 'class_b' };
    case 'PUT':
    case 'PATCH': {
      const change = await readJson(request.message);
      const { location } = bucket.settings;
      const before =
        request.method === 'PUT' ? { lifecycle: {}, ...readLocation(location) } : bucket.settings;
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

/** Lists buckets whose names begin with the prefix, by name and in pages. */
function listBuckets({ query, origin }: StorageRequest, buckets: Buckets): object {
  if (query.get('softDeleted') === 'true') throw notImplemented('soft delete');
  const prefix = query.get('prefix') ?? '';
  const { maxResults, after = '' } = readPage(query);
  const wanted = buckets.all().filter(({ name }) => name.startsWith(prefix) && name > after);
  const page = wanted.toSorted((a, b) => (a.name < b.name ? -1 : 1)).slice(0, maxResults);
  const last = page.at(-1);
  const next = last && page.length < wanted.length ? { nextPageToken: pageToken(last.name) } : {};
  return { kind: 'storage#buckets', items: page.map((bucket) => toResource(bucket, origin)), ...next };
}

function toResource(bucket: Bucket, origin: string): object {
  const { lifecycle, location = 'US-CENTRAL1', ...settings } = bucket.settings;
  return {
    kind: 'storage#bucket',
    id: bucket.name,
    name: bucket.name,
    selfLink: `${origin}/storage/v1/b/${bucket.name}`,
    location,
    locationType: location.includes('-') ? 'region' : /\d$/.test(location) ? 'dual-region' : 'multi-region',
    storageClass: 'STANDARD',
    metageneration: String(bucket.metageneration),
    timeCreated: new Date(bucket.createdMs).toISOString(),
    updated: new Date(bucket.updatedMs).toISOString(),
    ...settings,
    ...(lifecycle.rule === undefined ? {} : { lifecycle }),
  };
}
