import { quoted } from '../http/fields.ts';
import type { Authenticator } from '../http/handler.ts';
import type { Role } from '../http/roles.ts';
import type { Caller } from '../http/route.ts';
import { Bucket } from '../platform/bucket.ts';
import type { Clock } from '../platform/clock.ts';
import { AppError } from '../platform/errors.ts';
import { type AnyKey, isKnown } from './keyRecord.ts';
import type { KeyStore } from './keyStore.ts';
import { maxKeyLength, maxRateBuckets, requestBurstMs, requestsPerSecond } from './limits.ts';

/** Authentication by API key; reads nothing as long as the key is one of the first. */
export function keyAuthenticator(
  keys: Pick<KeyStore, 'known' | 'find'>,
  clock: Clock,
  perSecond: Readonly<Record<Role, number>> = requestsPerSecond,
): Authenticator {
  return {
    keyHeaders,
    authenticate: (header) => {
      const key = presentedKey(header);
      if (key === undefined) {
        throw new AppError(
          'unauthenticated',
          'Send an API key as X-API-Key, as Authorization: Bearer, or as the password of Basic.',
        );
      }
      if (key.length > maxKeyLength) return callerOf(undefined);
      const record = keys.known(key);
      return record === undefined ? keys.find(key).then(callerOf) : callerOf(record);
    },
    admit: rateLimit(clock, perSecond),
  };
}

function callerOf(record: AnyKey | undefined): Caller {
  if (record === undefined) throw new AppError('unauthenticated', 'This API key is not known.');
  if (!isKnown(record)) {
    const role = quoted(record.role);
    throw new AppError('unavailable', `The role of this API key, ${role}, is of another version of Sluice.`);
  }
  const { id: keyId, role, uids, hotkeys } = record;
  return { keyId, role, ...(uids && { uids }), ...(hotkeys && { hotkeys }) };
}

/** Counts a caller's requests by a bucket for each key, in this instance's memory. */
function rateLimit(clock: Clock, perSecond: Readonly<Record<Role, number>>): (caller: Caller) => void {
  const buckets = new Map<string, Bucket>();
  return ({ keyId, role }) => {
    const nowMs = clock.now();
    let bucket = buckets.get(keyId);
    if (bucket === undefined) {
      const first = buckets.keys().next();
      if (buckets.size >= maxRateBuckets && !first.done) buckets.delete(first.value);
      bucket = new Bucket(requestBurstMs);
      bucket.setRate(perSecond[role], nowMs);
      buckets.set(keyId, bucket);
    }
    const waitMs = bucket.take(1, nowMs);
    if (waitMs === 0) return;
    const retryAfterSeconds = waitMs / 1000;
    throw new AppError('rate_limited', 'This key sends too many requests a second.', { retryAfterSeconds });
  };
}

/** Headers that may carry a key, the first one that does counts. */
const keyHeaders = ['x-api-key', 'authorization'] as const;

/** Old callers can put a key only into the URL, which arrives as Basic: as the password, or as the user name alone. */
function presentedKey(header: (name: string) => string | undefined): string | undefined {
  const [ownHeader, standardHeader] = keyHeaders;
  const own = header(ownHeader)?.trim();
  if (own) return own;
  const [, scheme, credentials] = /^(bearer|basic) +(\S+)\s*$/i.exec(header(standardHeader) ?? '') ?? [];
  if (scheme === undefined || credentials === undefined) return undefined;
  if (scheme.toLowerCase() === 'bearer') return credentials;
  const pair = Buffer.from(credentials, 'base64').toString();
  const colon = pair.indexOf(':');
  const [user, password] = colon === -1 ? [pair, ''] : [pair.slice(0, colon), pair.slice(colon + 1)];
  return password || user || undefined;
}
