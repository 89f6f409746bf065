import type { Bucket } from './bucket.ts';
import type { Buckets } from './buckets.ts';
import { invalid } from './errors.ts';
import { readJson, type StorageReply, type StorageRequest } from './http.ts';
import { changeFields, type ObjectFields, type StoredObject, toResource } from './object.ts';
import { checkPreconditions } from './preconditions.ts';

/** https://cloud.google.com/storage/docs/composite-objects */
const maxSources = 32;

/** `POST b/B/o/O/rewriteTo|copyTo/b/B2/o/O2`, always in one step. */
export async function copyObject(request: StorageRequest, buckets: Buckets): Promise<StorageReply> {
  const { segments, query, origin } = request;
  const [, fromBucket = '', , fromName = '', action, , toBucket = '', , toName = ''] = segments;
  const metadata = await readJson(request.message);
  const source = buckets.get(fromBucket).get(fromName, pinned(query.get('sourceGeneration')));
  checkPreconditions(query, source, 'Source');
  const hasMetadata = Object.keys(metadata).length > 0;
  const fields = hasMetadata ? changeFields({}, metadata) : withoutHolds(source.fields);
  const { data, componentCount } = source;
  const object = buckets.get(toBucket).put(toName, { data, fields, componentCount }, query);
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

interface ComposeSource {
  name?: string;
  generation?: string | number;
  objectPreconditions?: { ifGenerationMatch?: string | number };
}

/** `POST b/B/o/O/compose`: one object of up to 32, which it does not touch. Throws 400, 404, 412. */
export async function composeObject(
  request: StorageRequest,
  bucket: Bucket,
  name: string,
): Promise<StorageReply> {
  const { query, origin, message } = request;
  const { sourceObjects, destination } = await readJson(message);
  const listed: ComposeSource[] = Array.isArray(sourceObjects) ? sourceObjects : [];
  if (listed.length === 0) throw invalid('Required: source objects.');
  if (listed.length > maxSources) throw invalid(`At most ${maxSources} objects can be composed at once.`);
  const sources = listed.map((source) => readSource(bucket, source));
  const data = Buffer.concat(sources.map((source) => source.data));
  const componentCount = sources.reduce((sum, source) => sum + (source.componentCount ?? 1), 0);
  const fields = changeFields({}, { ...Object(destination) });
  const object = bucket.put(name, { data, fields, componentCount }, query);
  return { status: 200, json: toResource(object, origin), billedAs: 'class_a' };
}

function readSource(bucket: Bucket, { name, generation, objectPreconditions }: ComposeSource): StoredObject {
  const query = pinned(generation === undefined ? null : String(generation));
  const wanted = objectPreconditions?.ifGenerationMatch;
  if (wanted !== undefined) query.set('ifGenerationMatch', String(wanted));
  return bucket.get(String(name ?? ''), query);
}

/** A copy begins without its source's holds. */
function withoutHolds({ temporaryHold: _, eventBasedHold: __, ...fields }: ObjectFields): ObjectFields {
  return fields;
}

function pinned(generation: string | null): URLSearchParams {
  return new URLSearchParams(generation === null ? {} : { generation });
}
