import type { IndexSet } from './indexes.ts';
import { compareIds, compareNames } from './names.ts';
import type { Micros } from './times.ts';
import type { Fields } from './values.ts';

/** What a document is from one commit to the next that changes it. */
export interface DocumentVersion {
  readonly fields: Fields;
  readonly createTime: Micros;
  readonly updateTime: Micros;
  readonly sizeBytes: number;
}

/** A name in the database, whether a document is there now or was there not long ago. */
export interface Entry {
  readonly id: string;
  readonly path: string;
  readonly name: string;
  readonly collection: Collection;
  current: DocumentVersion | undefined;
  /** When `current` came to be. */
  since: Micros;
  /** Older states, oldest first, each valid up to the next one's `since`. */
  past: { readonly since: Micros; readonly version: DocumentVersion | undefined }[];
}

/** A set of documents that queries range over: one collection, or all of an id. */
export interface Scope {
  readonly indexes: IndexSet;
  /** Documents that exist now. */
  live: number;
  /** When a document in it last changed. */
  changedAt: Micros;
  entries(): Iterable<Entry>;
}

export interface Collection extends Scope {
  readonly id: string;
  readonly path: string;
  readonly byId: Map<string, Entry>;
  readonly group: CollectionGroup;
}

export interface CollectionGroup extends Scope {
  readonly collections: Set<Collection>;
}

/** Orders entries by name. */
export function compareEntries(a: Entry, b: Entry): number {
  return a.collection === b.collection ? compareIds(a.id, b.id) : compareNames(a.path, b.path);
}

/** The document of an entry at a time, or now. */
export function versionAt(entry: Entry, at: Micros | undefined): DocumentVersion | undefined {
  if (at === undefined || entry.since <= at) return entry.current;
  return entry.past.findLast((state) => state.since <= at)?.version;
}
