import { earliestStamp, type Stamp } from '../events/stamp.ts';
import type { Fields } from '../platform/documents.ts';

/** The one field that Sluice adds to a document: what it must remember of operations. */
export const metaField = '_sluice';

/** The collection of tombstones, which remember deletions. */
export const tombstonesCollection = 'tombstones';

/**
 * The state of a document: the document and the stamps that decide what still applies to it. An operation
 * on a place holds until a later one on the same place or on one that contains it; a `set` or `delete` is
 * an operation on the whole.
 */
export interface DocumentState {
  path: string;
  /** The fields that readers see; undefined: there is no such document. */
  fields: Fields | undefined;
  /** The latest `set` or `delete`; whatever has no stamp of its own is as old, or somebody else's. */
  wholeStamp: Stamp;
  /**
   * By field path the latest operation on that place: later than `wholeStamp` and than all on places that contain it.
   */
  stamps: ReadonlyMap<string, Stamp>;
  /** Up to here stamps may be forgotten: an operation that is not later, and that no stamp beats, cannot be judged. */
  floor: Stamp;
}

/** A document of which nothing is known; with fields, one that somebody else made: older than any operation. */
export function unstamped(path: string, fields?: Fields): DocumentState {
  return { path, fields, wholeStamp: earliestStamp, stamps: new Map(), floor: earliestStamp };
}

/** A document that was deleted. */
export function deletedAt(path: string, stamp: Stamp): DocumentState {
  return { ...unstamped(path), wholeStamp: stamp };
}
