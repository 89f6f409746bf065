import type { CollectionName, Entry } from './entries.ts';
import { IndexSet } from './indexes.ts';
import type { Micros } from './times.ts';

/** A set of documents that queries range over: one collection, or all of an id. */
export interface Scope {
  readonly indexes: IndexSet;
  /** Documents that exist now. */
  live: number;
  /** The time of the last change of a document in it. */
  changedAt: Micros;
  entries(): Iterable<Entry>;
}

export interface Collection extends Scope, CollectionName {
  readonly byId: Map<string, Entry>;
  readonly group: CollectionGroup;
}

export interface CollectionGroup extends Scope {
  readonly collections: Set<Collection>;
}

/** An empty group. */
export function newGroup(): CollectionGroup {
  const collections = new Set<Collection>();
  return {
    collections,
    live: 0,
    changedAt: 0,
    indexes: new IndexSet(),
    *entries() {
      for (const collection of collections) yield* collection.entries();
    },
  };
}

/** An empty collection, made a part of its group. */
export function newCollection(collectionName: CollectionName, group: CollectionGroup): Collection {
  const byId = new Map<string, Entry>();
  const collection: Collection = {
    ...collectionName,
    group,
    byId,
    live: 0,
    changedAt: 0,
    indexes: new IndexSet(),
    entries: () => byId.values(),
  };
  group.collections.add(collection);
  return collection;
}
