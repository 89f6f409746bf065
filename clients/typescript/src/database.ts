import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { messageOf, OutboxError } from './errors.ts';
import { builtin } from './node.ts';
import { earliestStamp } from './stamps.ts';

/** The file is that of the Python client: tables, version, and the lock beside it. */
const applicationId = 0x536c7563;
const version = 1;
/** Files up to this size are checked whole when an outbox is opened. */
const checkedBytes = 16 * 1024 * 1024;
/** The time that another process may hold the file. */
const busyMs = 10_000;
const lookMs = 10;

const schema = `
CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, stamp TEXT NOT NULL, line BLOB NOT NULL);
CREATE TABLE aside (
  seq INTEGER PRIMARY KEY, stamp TEXT NOT NULL, line BLOB NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL,
  refused_at_ms INTEGER NOT NULL
);
CREATE TABLE state (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO state VALUES ('last_stamp', '${earliestStamp}'), ('acked_stamp', '${earliestStamp}'),
  ('offset_ms', 0), ('refused', 0);
PRAGMA application_id = ${applicationId};
PRAGMA user_version = ${version};
`;
/** A table that files of before lack. */
const added = `
CREATE TABLE created (n INTEGER PRIMARY KEY, task_id TEXT NOT NULL);
CREATE INDEX created_ids ON created (task_id);
`;

/** A connection to an outbox's file: SQLite in WAL mode, with commits that wait for the disk. Throws OutboxError. */
export class Database {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #places: string;
  readonly #statements = new Map<string, StatementSync>();

  constructor(path: string) {
    this.#path = path;
    this.#db = opened(path, busyMs);
    try {
      this.#prepareInTime();
    } catch (error) {
      this.#db.close();
      if (error instanceof OutboxError) throw error;
      const reason = messageOf(error);
      throw new OutboxError(
        `${path} is no outbox that can be used: ${reason}. Move it away, or name another.`,
      );
    }
    this.#places = this.#foundPlaces();
  }

  /** SQLite does not always wait by itself for another process that makes the file at this moment. */
  #prepareInTime(): void {
    for (let left = busyMs; ; left -= lookMs) {
      try {
        this.#prepare();
        return;
      } catch (error) {
        if (!/locked/.test(messageOf(error)) || left <= 0) throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, lookMs);
      }
    }
  }

  #prepare(): void {
    if (!this.#isOurs()) {
      this.#db.exec('PRAGMA auto_vacuum = INCREMENTAL');
      this.#atOnce(() => {
        if (!this.#isOurs()) this.#db.exec(schema);
      });
    }
    const found = this.number('PRAGMA user_version');
    if (found !== version) {
      throw new OutboxError(`${this.#path} was written by another version of this package (${found}).`);
    }
    this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = 1');
    const isThere = (): boolean =>
      this.number("SELECT count(*) FROM sqlite_master WHERE name = 'created'") > 0;
    if (isThere()) return;
    this.#atOnce(() => {
      if (!isThere()) this.#db.exec(added);
    });
  }

  /** True for an outbox, false for an empty file. Throws for another program's. */
  #isOurs(): boolean {
    const owner = this.number('PRAGMA application_id');
    if (owner === applicationId) return true;
    if (owner === 0 && this.number('SELECT count(*) FROM sqlite_master') === 0) return false;
    throw new OutboxError(`${this.#path} is a database of another program; name another file.`);
  }

  /** Throws where the file is damaged; a large one is taken as it is. */
  check(): void {
    const bytes = this.number('PRAGMA page_count') * this.number('PRAGMA page_size');
    const [row] = bytes <= checkedBytes ? this.statement('PRAGMA quick_check(1)').all() : [];
    const found = row?.['quick_check'] ?? 'ok';
    if (found === 'ok') return;
    throw new OutboxError(`${this.#path} is damaged (${found}). Export what can be read, and move it away.`);
  }

  /** Throws where the file is not what its path names any more: a restart would not find it. */
  checkInPlace(): void {
    if (this.#foundPlaces() === this.#places) return;
    throw new OutboxError(
      `${this.#path} or its -wal was moved or deleted while it was in use; make a new client. ` +
        'What was taken before is sent as long as this process lives.',
    );
  }

  #foundPlaces(): string {
    const { statSync } = builtin('node:fs', 'outbox');
    return ['', '-wal']
      .map((end) => statSync(this.#path + end, { throwIfNoEntry: false }))
      .map((found) => found && `${found.dev} ${found.ino}`)
      .join();
  }

  statement(query: string): StatementSync {
    const statement = this.#statements.get(query) ?? this.#db.prepare(query);
    this.#statements.set(query, statement);
    return statement;
  }

  /** Runs a statement; answers how many rows it changed. */
  run(query: string, ...values: SQLInputValue[]): number {
    return Number(this.statement(query).run(...values).changes);
  }

  number(query: string): number {
    return Number(Object.values(this.statement(query).get() ?? {})[0]);
  }

  /** Durable when it returns, whole or not at all. */
  transaction<Result>(verb: string, work: () => Result): Result {
    return this.guarded(verb, () => this.#atOnce(work));
  }

  #atOnce<Result>(work: () => Result): Result {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      try {
        this.#db.exec('ROLLBACK');
      } catch {
        // SQLite has rolled back by itself; the first failure says why.
      }
      throw error;
    }
  }

  guarded<Result>(verb: string, work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      if (error instanceof OutboxError) throw error;
      throw new OutboxError(`The outbox ${this.#path} could not ${verb}: ${messageOf(error)}`);
    }
  }

  close(): void {
    this.#db.close();
  }
}

export function opened(path: string, timeoutMs: number): DatabaseSync {
  const { DatabaseSync } = builtin('node:sqlite', 'outbox');
  try {
    const db = new DatabaseSync(path);
    db.exec(`PRAGMA busy_timeout = ${timeoutMs}`);
    return db;
  } catch (error) {
    const reason = messageOf(error);
    throw new OutboxError(`The outbox ${path} cannot be opened: ${reason}. Is its directory there?`);
  }
}
