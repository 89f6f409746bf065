import { compareIds, compareNames } from './names.ts';
import type { Micros } from './times.ts';
import type { Fields } from './values.ts';

/** A state of a document, from one commit to the next that changes it. */
export interface DocumentVersion {
  readonly fields: Fields;
  readonly createTime: Micros;
  readonly updateTime: Micros;
  readonly sizeBytes: number;
}

/** A state of a name that is over. */
interface PastState {
  readonly since: Micros;
  readonly version: DocumentVersion | undefined;
}

/** The collection in which a document lies. Its entries share one object. */
export interface CollectionName {
  readonly id: string;
  readonly path: string;
  /** The path with the database's before it. */
  readonly name: string;
}

/** The past of every entry that has none. It stays empty. */
const noStates: PastState[] = [];

/**
 * A name in the database, whether a document is there now or was there not long ago. One a document: it keeps little.
 */
export class Entry {
  readonly id: string;
  readonly collection: CollectionName;
  current: DocumentVersion | undefined;
  /** The time from which `current` holds; 0 before there was any. */
  since: Micros = 0;
  /** Older states, oldest first, each valid up to the next one's `since`. */
  past = noStates;

  constructor(id: string, collection: CollectionName) {
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

/** Orders entries by name. */
export function compareEntries(a: Entry, b: Entry): number {
  return a.collection === b.collection ? compareIds(a.id, b.id) : compareNames(a.path, b.path);
}

/** The document of an entry at a time, or now. */
export function versionAt(entry: Entry, at: Micros | undefined): DocumentVersion | undefined {
  if (at === undefined || entry.since <= at) return entry.current;
  return entry.past.findLast((state) => state.since <= at)?.version;
}
