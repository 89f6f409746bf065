import type { Buckets } from './buckets.ts';
import { download } from './download.ts';
import { StorageError } from './errors.ts';
import { type StorageReply, type StorageRequest, unknownRoute } from './http.ts';
import { toResource } from './object.ts';

/** The metadata key in which clients of Firebase keep the tokens that make an object readable, comma separated. */
const tokensKey = 'firebaseStorageDownloadTokens';

/**
 * `GET v0/b/B/o/O` of Firebase's API: an object's metadata with its download tokens, or its content for one of them.
 */
export function firebaseRoute(request: StorageRequest, buckets: Buckets): StorageReply {
  const { method, segments, query, origin } = request;
  const [, , bucketName = '', kind, name, more] = segments;
  if (method !== 'GET' || kind !== 'o' || name === undefined || more !== undefined)
    throw unknownRoute(request);
  const object = buckets.get(bucketName).get(name, new URLSearchParams());
  const { [tokensKey]: downloadTokens, ...metadata } = object.fields.metadata ?? {};
  if (query.get('alt') === 'media') {
    const tokens = downloadTokens?.split(',') ?? [];
    if (!tokens.includes(query.get('token') ?? ''))
      throw new StorageError(403, 'forbidden', 'Permission denied.');
    return download(request, object);
  }
  return {
    status: 200,
    json: { ...toResource(object, origin), metadata, downloadTokens },
    billedAs: 'class_b',
  };
}
