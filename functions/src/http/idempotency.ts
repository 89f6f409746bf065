import { AppError } from '../platform/errors.ts';
import { hashedUuid, type Ids } from '../platform/ids.ts';
import type { ApiRequest } from './route.ts';

/**
 * A random id for what the request makes, at this place where it makes several; with an Idempotency-Key always the same
 * for this caller, so that the same request makes the same again, not another.
 * @throws AppError `invalid_request` for a key that cannot be one.
 */
export function newIdFor(request: ApiRequest, ids: Pick<Ids, 'uuid'>, index = 0): string {
  const key = readIdempotencyKey(request);
  return key === undefined ? ids.uuid() : hashedUuid(request.caller.keyId, key, String(index));
}

/** @throws AppError `invalid_request` for a key that cannot be one. */
export function readIdempotencyKey(request: ApiRequest): string | undefined {
  const key = request.header('idempotency-key') || undefined;
  if (key === undefined || /^[\x21-\x7e]{1,255}$/.test(key)) return key;
  throw new AppError('invalid_request', 'Idempotency-Key: expected 1 to 255 visible ASCII characters.');
}
