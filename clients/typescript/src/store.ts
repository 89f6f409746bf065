import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { messageOf, OutboxError } from './errors.ts';
import { builtin } from './node.ts';
import { earliestStamp, encode, StampSource, stampMs } from './stamps.ts';
import type { SetAside } from './types.ts';

/** The file is that of the Python client: tables, version, and the lock beside it. */
const applicationId = 0x536c7563;
const version = 1;
/** The code of events that were moved aside unsent, as their owner asked. */
const cleared = 'cleared';
/** Files up to this size are checked whole when they are opened. */
const checkedBytes = 16 * 1024 * 1024;
/** The time that another process may hold the file. */
const busyMs = 10_000;
const freePages = 1000;
/** The members of an event that are put before its line when it is sent. */
const stampBytes = 35;

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
/** An event's type, as clients write it at the beginning of a line. */
const typeInLine = "substr(line, 10, instr(substr(line, 10, 12), x'22') - 1)";
const asideColumns =
  'seq AS id, stamp, code, message, refused_at_ms AS refusedAtMs, CAST(line AS TEXT) AS line';

/** An event that waits. */
export interface Row {
  seq: number;
  stamp: string;
  line: string;
}

export interface RefusedRow extends Row {
  code: string;
  message: string;
}

/** The outcome of what was sent, to be noted in the file. */
interface Settlement {
  done: number[];
  /** The latest stamp that was acknowledged. */
  acked: string;
  refused: { seq: number; code: string; message: string }[];
  offsetMs: number;
  atMs: number;
}

/** The outbox's file: a SQLite database with the events that wait, and those that are aside. Throws OutboxError. */
export class Store {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #stamps = new StampSource();
  #senderLock: DatabaseSync | undefined;

  constructor(path: string) {
    this.#path = path;
    this.#db = opened(path, busyMs);
    try {
      this.#begin();
    } catch (error) {
      this.#db.close();
      if (error instanceof OutboxError) throw error;
      const reason = messageOf(error);
      throw new OutboxError(
        `${path} is no outbox that can be used: ${reason}. Move it away, or name another.`,
      );
    }
  }

  #begin(): void {
    const tables = this.#number('SELECT count(*) FROM sqlite_master');
    const owner = this.#number('PRAGMA application_id');
    if (owner !== applicationId && (tables > 0 || owner !== 0)) {
      throw new OutboxError(`${this.#path} is a database of another program; name another file.`);
    }
    if (tables === 0) this.#db.exec('PRAGMA auto_vacuum = INCREMENTAL');
    this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = 1');
    this.#transaction('open', () => {
      const found = this.#number('PRAGMA user_version');
      if (found === 0) this.#db.exec(schema);
      else if (found !== version) {
        throw new OutboxError(`${this.#path} was written by another version of this package (${found}).`);
      }
    });
  }

  /** Throws where the file is damaged; a large one is taken as it is. */
  check(): void {
    const bytes = this.#number('PRAGMA page_count') * this.#number('PRAGMA page_size');
    const found = bytes <= checkedBytes ? this.#read('PRAGMA quick_check(1)')[0]?.['quick_check'] : 'ok';
    if (found === 'ok') return;
    throw new OutboxError(`${this.#path} is damaged (${found}). Export what can be read, and move it away.`);
  }

  /** Adds events behind all others, durable when this returns. `nowMs`: the machine's clock. */
  append(lines: readonly string[], nowMs: number): void {
    const encoder = new TextEncoder();
    this.#transaction('append', () =>
      this.#append(
        lines.map((line) => encoder.encode(line)),
        nowMs,
      ),
    );
  }

  #append(lines: readonly Uint8Array[], nowMs: number): void {
    let last = this.#stamp('last_stamp');
    const offsetMs = this.#number("SELECT value FROM state WHERE name = 'offset_ms'");
    for (const line of lines) {
      last = this.#stamps.after(last, nowMs + offsetMs);
      this.#run('INSERT INTO events (stamp, line) VALUES (?, ?)', last, line);
    }
    this.#set('last_stamp', last);
  }

  /** The first events in their order: so many, and together of so many bytes, or one that is larger. */
  first(afterSeq: number, most: number, mostBytes: number): { rows: Row[]; bytes: number; offsetMs: number } {
    return this.#guarded('be read', () => {
      const rows: Row[] = [];
      let bytes = 0;
      const found = this.#statement('SELECT seq, stamp, line FROM events WHERE seq > ? ORDER BY seq LIMIT ?');
      for (const { seq, stamp, line } of found.iterate(afterSeq, most)) {
        const size = (line as Uint8Array).length + stampBytes;
        if (rows.length > 0 && bytes + size > mostBytes) break;
        bytes += size;
        rows.push({
          seq: Number(seq),
          stamp: String(stamp),
          line: new TextDecoder().decode(line as Uint8Array),
        });
      }
      return { rows, bytes, offsetMs: this.#number("SELECT value FROM state WHERE name = 'offset_ms'") };
    });
  }

  /** Deletes what was acknowledged, sets aside what was refused, and notes how far the clock is off. */
  settle({ done, acked, refused, offsetMs, atMs }: Settlement): void {
    this.#transaction('settle', () => {
      for (const { seq, code, message } of refused) {
        this.#run(
          'INSERT OR REPLACE INTO aside SELECT seq, stamp, line, ?, ?, ? FROM events WHERE seq = ?',
          code,
          message,
          atMs,
          seq,
        );
        this.#run('DELETE FROM events WHERE seq = ?', seq);
      }
      for (const seq of done) {
        if (this.#run('DELETE FROM events WHERE seq = ?', seq) > 0) continue;
        // It was moved aside while it was sent.
        this.#run('DELETE FROM aside WHERE seq = ? AND code = ?', seq, cleared);
      }
      this.#run("UPDATE state SET value = max(value, ?) WHERE name = 'acked_stamp'", acked);
      this.#run("UPDATE state SET value = value + ? WHERE name = 'refused'", BigInt(refused.length));
      this.#set('offset_ms', offsetMs);
    });
  }

  /** Stamps anew, in their order, what is older than `oldestMs` or more than `aheadMs` before the server's time. */
  stampAnew(serverMs: number, oldestMs: number, aheadMs: number): void {
    const oldest = encode(oldestMs, 9);
    const latest = `${encode(serverMs + aheadMs, 9)}~`;
    this.#transaction('stamp', () => {
      // In the order of events, stamps never decrease: those that are too old come first.
      const old = this.#read('SELECT seq FROM events WHERE stamp < ? ORDER BY seq', oldest);
      const ahead = this.#read('SELECT seq FROM events WHERE stamp > ? ORDER BY seq', latest);
      const [good] = this.#read(
        'SELECT max(stamp) AS stamp FROM events WHERE stamp BETWEEN ? AND ?',
        oldest,
        latest,
      );
      let last = this.#restamp(old, earliestStamp, oldestMs);
      for (const stamp of [this.#stamp('acked_stamp'), good?.['stamp']]) {
        if (typeof stamp === 'string' && stamp > last) last = stamp;
      }
      this.#set('last_stamp', this.#restamp(ahead, last, serverMs));
    });
  }

  #restamp(rows: Record<string, unknown>[], after: string, ms: number): string {
    let last = after;
    for (const { seq } of rows) {
      last = this.#stamps.after(last, ms);
      this.#run('UPDATE events SET stamp = ? WHERE seq = ?', last, Number(seq));
    }
    return last;
  }

  counts(): {
    waiting: number;
    setAside: number;
    refused: number;
    oldestMs: number | undefined;
    offsetMs: number;
  } {
    const { rows, offsetMs } = this.first(0, 1, 0);
    const [oldest] = rows;
    return this.#guarded('be read', () => ({
      waiting: this.#number('SELECT count(*) FROM events'),
      setAside: this.#number('SELECT count(*) FROM aside'),
      refused: this.#number("SELECT value FROM state WHERE name = 'refused'"),
      oldestMs: oldest && stampMs(oldest.stamp),
      offsetMs,
    }));
  }

  /** The numbers of the first and the last event that waits, 0 where none does. */
  ends(): { first: number; last: number } {
    const of = (which: string): number => this.#number(`SELECT coalesce(${which}(seq), 0) FROM events`);
    return this.#guarded('be read', () => ({ first: of('min'), last: of('max') }));
  }

  /** Events that are aside, by their ids. */
  setAside(afterId: number, most: number): SetAside[] {
    const query = `SELECT ${asideColumns} FROM aside WHERE seq > ? ORDER BY seq LIMIT ?`;
    return this.#guarded('be read', () => this.#read(query, afterId, most)) as unknown as SetAside[];
  }

  /** Puts what is aside behind what waits, as new events: these, or all that were refused; answers how many. */
  retry(ids: readonly number[] | undefined, nowMs: number): number {
    return this.#transaction('retry', () => {
      const chosen = ids?.map((id) => ['seq = ?', id] as const) ?? [['code <> ?', cleared] as const];
      let count = 0;
      for (const [where, value] of chosen) {
        const found = this.#read(`SELECT seq, line FROM aside WHERE ${where} ORDER BY seq`, value);
        this.#append(
          found.map(({ line }) => line as Uint8Array),
          nowMs,
        );
        for (const { seq } of found) this.#run('DELETE FROM aside WHERE seq = ?', Number(seq));
        count += found.length;
      }
      return count;
    });
  }

  /** Sets aside, unsent, what waits of these types, or all; answers how many. */
  moveAside(types: readonly string[] | undefined, atMs: number): number {
    const where =
      types === undefined ? 'true' : `${typeInLine} IN (${types.map(() => 'CAST(? AS BLOB)').join()})`;
    return this.#transaction('set aside', () => {
      const columns = 'seq, stamp, line, ?, ?, ?';
      const message = 'It was moved aside before it was sent.';
      const insert = `INSERT OR REPLACE INTO aside SELECT ${columns} FROM events WHERE ${where}`;
      this.#run(insert, cleared, message, atMs, ...(types ?? []));
      return this.#run(`DELETE FROM events WHERE ${where}`, ...(types ?? []));
    });
  }

  /** True where this process may send from the file; another's lock ends with that process, however it ends. */
  lockSender(): boolean {
    if (this.#senderLock !== undefined) return true;
    const lock = opened(`${this.#path}-sender`, 0);
    try {
      lock.exec('BEGIN EXCLUSIVE');
    } catch (error) {
      lock.close();
      if (/locked/.test(messageOf(error))) return false;
      throw new OutboxError(`${this.#path}-sender cannot be locked: ${messageOf(error)}`);
    }
    this.#senderLock = lock;
    return true;
  }

  /** Makes the file smaller where much of it is empty. */
  giveBackPages(): void {
    this.#guarded('be made smaller', () => {
      if (this.#number('PRAGMA freelist_count') > freePages)
        this.#read(`PRAGMA incremental_vacuum(${freePages})`);
    });
  }

  close(): void {
    this.#senderLock?.close();
    this.#db.close();
  }

  #statement(query: string): StatementSync {
    const statement = this.#statements.get(query) ?? this.#db.prepare(query);
    this.#statements.set(query, statement);
    return statement;
  }

  /** Runs a statement; answers how many rows it changed. */
  #run(query: string, ...values: SQLInputValue[]): number {
    return Number(this.#statement(query).run(...values).changes);
  }

  #read(query: string, ...values: SQLInputValue[]): Record<string, unknown>[] {
    return this.#statement(query).all(...values);
  }

  #number(query: string): number {
    return Number(Object.values(this.#read(query)[0] ?? {})[0]);
  }

  #stamp(name: 'last_stamp' | 'acked_stamp'): string {
    return String(this.#read('SELECT value FROM state WHERE name = ?', name)[0]?.['value']);
  }

  #set(name: string, value: string | number): void {
    // A number would be kept as one with a point, in a column without a type.
    this.#run(
      'UPDATE state SET value = ? WHERE name = ?',
      typeof value === 'number' ? BigInt(value) : value,
      name,
    );
  }

  #transaction<Result>(verb: string, work: () => Result): Result {
    return this.#guarded(verb, () => {
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
    });
  }

  #guarded<Result>(verb: string, work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      if (error instanceof OutboxError) throw error;
      throw new OutboxError(`The outbox ${this.#path} could not ${verb}: ${messageOf(error)}`);
    }
  }
}

function opened(path: string, timeoutMs: number): DatabaseSync {
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
