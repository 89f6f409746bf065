import { StorageError } from './errors.ts';
import type { StoredObject } from './object.ts';

/**
 * True where a hold keeps the object from being deleted and replaced
 * (https://cloud.google.com/storage/docs/object-holds).
 */
export function isHeld({ fields }: StoredObject): boolean {
  return fields.temporaryHold === true || fields.eventBasedHold === true;
}

/** Throws 403 for an object that is held. */
export function checkHolds(object: StoredObject | undefined): void {
  if (object === undefined || !isHeld(object)) return;
  const hold = object.fields.temporaryHold ? 'Temporary' : 'Event-Based';
  throw new StorageError(
    403,
    'objectUnderActiveHold',
    `Object '${object.bucket}/${object.name}' is under active ${hold} hold: it can be neither deleted nor replaced.`,
  );
}
