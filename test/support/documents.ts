import type { Clock } from '../../functions/src/platform/clock.ts';
import {
  DocumentError,
  type DocumentSet,
  type DocumentStore,
  type DocumentVersion,
  type DocumentWrite,
  type Fields,
  removed,
  serverTime,
} from '../../functions/src/platform/documents.ts';
import { documentBytes } from '../../functions/src/platform/values.ts';
import { allDone, type Decide, meet } from './fate.ts';

/** Firestore's limit on a document (https://cloud.google.com/firestore/quotas#limits). */
const maxDocumentBytes = 1_048_576;

class Version implements DocumentVersion {
  readonly #number: number;

  constructor(number: number) {
    this.#number = number;
  }

  isEqual(other: DocumentVersion): boolean {
    return other instanceof Version && other.#number === this.#number;
  }
}

interface StoredDocument {
  fields: Fields;
  version: Version;
}

/**
 * Documents in memory with Firestore's preconditions, atomic commits and refusals. It counts like the service: one
 * read a document, one write a document.
 */
export class MemoryDocuments {
  readonly #clock: Clock;
  readonly #documents = new Map<string, StoredDocument>();
  #versions = 0;
  /** The paths of each commit that took effect, in order. */
  readonly commits: string[][] = [];
  /** The paths of each call that read, in order. */
  readonly reads: string[][] = [];
  /** A reason to refuse a document for good. */
  refuse: (path: string, fields: Fields) => string | undefined = () => undefined;
  /** Paths that no read takes, as the service finds them wrong: a read with one of them fails whole. */
  unreadable: (path: string) => boolean = () => false;
  /** Runs before a commit takes effect: where somebody else comes in between. */
  beforeCommit: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A document's fields, or undefined. */
  fields(path: string): Fields | undefined {
    const found = this.#documents.get(path);
    return found && (clone(found.fields) as Fields);
  }

  paths(): string[] {
    return [...this.#documents.keys()].sort();
  }

  /** Writes a document as somebody else would. */
  set(path: string, fields: Fields): void {
    this.#versions += 1;
    this.#documents.set(path, { fields: clone(fields) as Fields, version: new Version(this.#versions) });
  }

  get writes(): number {
    return this.commits.flat().length;
  }

  /** The database as one caller sees it. Operations: `documents.read`, `documents.commit`. */
  connect(decide: Decide = allDone): DocumentStore {
    const failure = () => new DocumentError('unavailable', 'Firestore is down.');
    return {
      read: (paths) => meet(decide('documents.read'), () => this.#read(paths), failure),
      commit: (writes) => meet(decide('documents.commit'), () => this.#commit(writes), failure),
      commitIfAbsent: (writes, absent) =>
        meet(decide('documents.commit'), () => this.#commitIfAbsent(writes, absent), failure),
      query: () => Promise.reject(new Error('Queries are not simulated here.')),
      count: () => Promise.reject(new Error('Counts are not simulated here.')),
    };
  }

  #read(paths: readonly string[]) {
    for (const path of paths) this.#checkPath(path);
    this.reads.push([...paths]);
    return paths.map((path) => {
      const found = this.#documents.get(path);
      return found === undefined
        ? { path }
        : { path, fields: clone(found.fields) as Fields, version: found.version };
    });
  }

  #checkPath(path: string): void {
    checkPath(path);
    if (this.unreadable(path)) throw new DocumentError('invalid', `${path} is too long.`);
  }

  #runHook(): void {
    const hook = this.beforeCommit;
    this.beforeCommit = undefined;
    hook?.();
  }

  #commit(writes: readonly DocumentWrite[]): DocumentVersion[] {
    this.#runHook();
    for (const { path } of writes) this.#checkPath(path);
    const results = writes.map((write) => this.#result(write));
    for (const { path, fields } of results) if (fields !== undefined) this.#check(path, fields);
    this.commits.push(results.map(({ path }) => path));
    return results.map(({ path, fields }) => {
      this.#versions += 1;
      const version = new Version(this.#versions);
      if (fields === undefined) this.#documents.delete(path);
      else this.#documents.set(path, { fields, version });
      return version;
    });
  }

  #commitIfAbsent(writes: readonly DocumentWrite[], absent: readonly string[]): void {
    this.#runHook();
    this.reads.push([...absent]);
    const present = absent.filter((path) => this.#documents.has(path));
    if (present.length > 0) throw new DocumentError('conflict', `There is a ${present[0]}.`, { present });
    this.#commit(writes);
  }

  #result({ path, ifVersion, changes }: DocumentWrite): { path: string; fields: Fields | undefined } {
    const present = this.#documents.get(path);
    const holds =
      ifVersion === 'any' ||
      (ifVersion === 'absent' ? present === undefined : present?.version.isEqual(ifVersion) === true);
    if (!holds) throw new DocumentError('conflict', `${path} is not at the version that was expected.`);
    if (changes === 'deleted') return { path, fields: undefined };
    const isWhole = typeof ifVersion === 'string';
    if (isWhole && changes.some((change) => change.path.length !== 1)) {
      throw new DocumentError('invalid', 'A new document is written by whole fields.');
    }
    return {
      path,
      fields: applyChanges(isWhole ? {} : (present?.fields ?? {}), changes, new Date(this.#clock.now())),
    };
  }

  #check(path: string, fields: Fields): void {
    const bytes = documentBytes(path, fields);
    if (bytes > maxDocumentBytes) throw new DocumentError('invalid', `${path} would have ${bytes} bytes.`);
    const reason = this.refuse(path, fields);
    if (reason !== undefined) throw new DocumentError('invalid', reason);
  }
}

/** Fields with changes applied as Firestore's update does; throws DocumentError `invalid` for what it refuses. */
export function applyChanges(before: Fields, changes: DocumentSet['changes'], now: Date): Fields {
  const keys = changes.map(({ path }) => JSON.stringify(path));
  for (const [index, { path }] of changes.entries()) {
    const isAmbiguous = changes.some(
      (other, place) => place !== index && path.every((name, depth) => other.path[depth] === name),
    );
    if (isAmbiguous) throw new DocumentError('invalid', `${keys[index]} is set more than once.`);
  }
  const after = clone(before) as Fields;
  for (const { path, value } of changes) {
    checkValue(value, path);
    setAt(after, path, value === serverTime ? now : value);
  }
  return after;
}

function setAt(fields: Fields, [name = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length > 0) {
    if (!isMap(fields[name])) fields[name] = {};
    setAt(fields[name] as Fields, rest, value);
  } else if (value === removed) delete fields[name];
  else fields[name] = clone(value);
}

function checkPath(path: string): void {
  if (path.split('/').some((name) => name === '' || name === '.' || name === '..' || isReserved(name))) {
    throw new DocumentError('invalid', `${path} is not a document's name.`);
  }
}

function checkValue(value: unknown, path: readonly string[], isInArray = false): void {
  const at = path.join('.');
  if (path.length > 21) throw new DocumentError('invalid', `${at}: too deep.`);
  if (path.some((name) => name === '' || isReserved(name)))
    throw new DocumentError('invalid', `${at}: a reserved or empty name.`);
  if (value === undefined) throw new DocumentError('invalid', `${at}: undefined is no value.`);
  if (Array.isArray(value)) {
    if (isInArray) throw new DocumentError('invalid', `${at}: an array in an array.`);
    for (const inner of value) checkValue(inner, [...path, '0'], true);
  } else if (isMap(value)) {
    for (const [name, inner] of Object.entries(value)) checkValue(inner, [...path, name]);
  }
}

function isReserved(name: string): boolean {
  return /^__.*__$/s.test(name);
}

function isMap(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** A value as it comes back: nothing shared, and texts as UTF-8 holds them. */
function clone(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (value instanceof Date) return new Date(value.getTime());
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (Array.isArray(value)) return value.map(clone);
  if (isMap(value))
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [name.toWellFormed(), clone(inner)]),
    );
  return value;
}
