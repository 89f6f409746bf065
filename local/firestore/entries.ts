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

/** A state of a document that is over. */
export interface PastState {
  readonly since: Micros;
  readonly version: DocumentVersion | undefined;
}

/** What every entry without a past shares. It stays empty. */
const noStates: PastState[] = [];

/** A name in the database, whether a document is there now or was there not long ago. One a document: it keeps little. */
export class Entry {
  readonly id: string;
  readonly collection: Collection;
  current: DocumentVersion | undefined;
  /** When `current` came to be; 0 before there was any. */
  since: Micros = 0;
  /** Older states, oldest first, each valid up to the next one's `since`. */
  past = noStates;

  constructor(id: string, collection: Collection) {
    this.id = id;
    this.collection = collection;
  }

  get path(): string {
    return `${this.collection.path}/${this.id}`;
  }

  get name(): string {
    return `${this.collection.name}/${this.id}`;
  }

  replace(version: DocumentVersion | undefined, at: Micros): void {
    if (this.since > 0) {
      if (this.past === noStates) this.past = [];
      this.past.push({ since: this.since, version: this.current });
    }
    this.current = version;
    this.since = at;
  }

  forgetOldest(): void {
    this.past.shift();
    if (this.past.length === 0) this.past = noStates;
  }
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
  /** The path with the database's before it. */
  readonly name: string;
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
