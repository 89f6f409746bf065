import { type DocumentVersion, Entry } from './entries.ts';
import { StatusError, status } from './errors.ts';
import { historyMs, maxHistoryBytes } from './limits.ts';
import { type Collection, type CollectionGroup, newCollection, newGroup } from './scopes.ts';
import type { Micros } from './times.ts';

export interface Change {
  readonly path: string;
  /** The new state; undefined when the document is gone. */
  readonly version: DocumentVersion | undefined;
}

interface Superseded {
  readonly entry: Entry;
  readonly at: Micros;
  readonly sizeBytes: number;
}

/** All documents of a database, with the versions that reads in the past can still see. */
export class DocumentStore {
  readonly #root: string;
  readonly #collections = new Map<string, Collection>();
  readonly #groups = new Map<string, CollectionGroup>();
  #superseded: Superseded[] = [];
  #supersededStart = 0;
  #historyBytes = 0;
  #oldestReadable: Micros = 0;

  constructor(documentsRoot: string) {
    this.#root = documentsRoot;
  }

  collection(path: string): Collection | undefined {
    return this.#collections.get(path);
  }

  group(collectionId: string): CollectionGroup | undefined {
    return this.#groups.get(collectionId);
  }

  collections(): Iterable<Collection> {
    return this.#collections.values();
  }

  entry(path: string): Entry | undefined {
    const slash = path.lastIndexOf('/');
    return this.#collections.get(path.slice(0, slash))?.byId.get(path.slice(slash + 1));
  }

  /** The document at a path now. */
  current(path: string): DocumentVersion | undefined {
    return this.entry(path)?.current;
  }

  /**
   * Refuses a time whose versions may be gone.
   * @throws StatusError FAILED_PRECONDITION
   */
  checkReadable(at: Micros, now: Micros): void {
    if (at < this.#oldestReadable || at < now - historyMs * 1000) {
      throw new StatusError(status.failedPrecondition, 'The requested snapshot version is too old.');
    }
  }

  /** Puts a commit's changes in place, all at once, and returns the entries that changed. */
  apply(changes: Iterable<Change>, at: Micros): Entry[] {
    const changed: Entry[] = [];
    for (const { path, version } of changes) {
      const entry = this.entry(path) ?? (version === undefined ? undefined : this.#newEntry(path));
      if (entry === undefined || entry.current === version) continue;
      this.#replace(entry, version, at);
      changed.push(entry);
    }
    this.#forgetBefore(at - historyMs * 1000);
    return changed;
  }

  /** Puts documents of a snapshot in place, in an empty store. What was before them cannot be read. */
  load(path: string, version: DocumentVersion): Entry {
    const entry = this.#newEntry(path);
    this.#replace(entry, version, version.updateTime);
    this.#oldestReadable = Math.max(this.#oldestReadable, version.updateTime);
    return entry;
  }

  /** All documents as they are now. */
  *documents(): Iterable<{ entry: Entry; version: DocumentVersion }> {
    for (const collection of this.#collections.values()) {
      for (const entry of collection.byId.values()) {
        if (entry.current !== undefined) yield { entry, version: entry.current };
      }
    }
  }

  #replace(entry: Entry, version: DocumentVersion | undefined, at: Micros): void {
    const before = entry.current;
    if (entry.since > 0) {
      const sizeBytes = before?.sizeBytes ?? 0;
      this.#superseded.push({ entry, at, sizeBytes });
      this.#historyBytes += sizeBytes;
    }
    entry.replace(version, at);
    const collection = this.#collectionFor(entry.collection.path);
    for (const scope of [collection, collection.group]) {
      scope.live += Number(version !== undefined) - Number(before !== undefined);
      scope.changedAt = Math.max(scope.changedAt, at);
      scope.indexes.update(entry, before, version);
    }
  }

  #forgetBefore(time: Micros): void {
    for (;;) {
      const oldest = this.#superseded[this.#supersededStart];
      if (oldest === undefined || (oldest.at > time && this.#historyBytes <= maxHistoryBytes)) break;
      this.#supersededStart++;
      this.#historyBytes -= oldest.sizeBytes;
      this.#oldestReadable = oldest.at;
      const { entry } = oldest;
      entry.forgetOldest();
      if (entry.past.length === 0 && entry.current === undefined)
        this.#collections.get(entry.collection.path)?.byId.delete(entry.id);
    }
    if (this.#supersededStart > 1000 && this.#supersededStart * 2 > this.#superseded.length) {
      this.#superseded = this.#superseded.slice(this.#supersededStart);
      this.#supersededStart = 0;
    }
  }

  #newEntry(path: string): Entry {
    const slash = path.lastIndexOf('/');
    const id = path.slice(slash + 1);
    const collection = this.#collectionFor(path.slice(0, slash));
    const entry = new Entry(id, collection);
    collection.byId.set(id, entry);
    return entry;
  }

  #collectionFor(path: string): Collection {
    const known = this.#collections.get(path);
    if (known !== undefined) return known;
    const id = path.slice(path.lastIndexOf('/') + 1);
    const group = this.#groupFor(id);
    const collection = newCollection({ id, path, name: `${this.#root}/${path}` }, group);
    this.#collections.set(path, collection);
    return collection;
  }

  #groupFor(id: string): CollectionGroup {
    const known = this.#groups.get(id);
    if (known !== undefined) return known;
    const group = newGroup();
    this.#groups.set(id, group);
    return group;
  }
}
