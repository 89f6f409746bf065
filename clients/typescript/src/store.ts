import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { Database, opened } from './database.ts';
import { messageOf, OutboxError } from './errors.ts';
import { earliestStamp, encode, StampSource, stampMs } from './stamps.ts';
import type { SetAside } from './types.ts';

/** The code of events that were moved aside unsent, as their owner asked. */
const cleared = 'cleared';
const freePages = 1000;
/** Tasks that the outbox remembers to have created. */
const maxCreated = 100_000;
/** Events that are stamped anew at a time. */
const page = 10_000;
/** The members of an event that are put before its line when it is sent. */
const stampBytes = 35;

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

/** An outbox's contents: the events that wait, and those that are aside. Throws OutboxError. */
export class Store {
  readonly #path: string;
  readonly #database: Database;
  readonly #stamps = new StampSource();
  #senderLock: DatabaseSync | undefined;

  constructor(path: string) {
    this.#path = path;
    this.#database = new Database(path);
  }

  /** Throws where the file is damaged; a large one is taken as it is. */
  check(): void {
    this.#database.check();
  }

  /** Adds events behind all others, durable when this returns. `nowMs`: the machine's clock. */
  append(lines: readonly string[], nowMs: number, created: readonly string[] = []): void {
    const encoder = new TextEncoder();
    this.#database.transaction('append', () => {
      this.#append(
        lines.map((line) => encoder.encode(line)),
        nowMs,
      );
      for (const taskId of created) this.#run('INSERT INTO created (task_id) VALUES (?)', taskId);
      if (created.length > 0) {
        this.#run('DELETE FROM created WHERE n <= (SELECT max(n) FROM created) - ?', maxCreated);
      }
    });
  }

  /** True where an event of this file, sent or not, created the task. */
  hasCreated(taskId: string): boolean {
    const query = 'SELECT 1 FROM created WHERE task_id = ? LIMIT 1';
    return this.#database.guarded('be read', () => this.#read(query, taskId).length > 0);
  }

  #append(lines: readonly Uint8Array[], nowMs: number): void {
    this.#database.checkInPlace();
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
    return this.#database.guarded('be read', () => {
      const rows: Row[] = [];
      let bytes = 0;
      const found = this.#database.statement(
        'SELECT seq, stamp, line FROM events WHERE seq > ? ORDER BY seq LIMIT ?',
      );
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
    this.#database.transaction('settle', () => {
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
    this.#database.transaction('stamp', () => {
      // Of an opening of its own: where the clock goes back no stamp comes twice.
      const stamps = new StampSource();
      // In the order of events, stamps never decrease: those that are too old come first.
      let last = this.#restamp('stamp < ?', oldest, stamps, earliestStamp, oldestMs);
      const [good] = this.#read('SELECT max(stamp) AS stamp FROM events WHERE stamp <= ?', latest);
      for (const stamp of [this.#stamp('acked_stamp'), good?.['stamp']]) {
        if (typeof stamp === 'string' && stamp > last) last = stamp;
      }
      this.#set('last_stamp', this.#restamp('stamp > ?', latest, stamps, last, serverMs));
    });
  }

  /** Stamps these events anew, each after the one before; answers the last stamp. */
  #restamp(which: string, bound: string, stamps: StampSource, after: string, ms: number): string {
    let last = after;
    let seq = 0;
    for (;;) {
      const query = `SELECT seq FROM events WHERE seq > ? AND ${which} ORDER BY seq LIMIT ${page}`;
      const found = this.#read(query, seq, bound);
      if (found.length === 0) return last;
      for (const row of found) {
        seq = Number(row['seq']);
        last = stamps.after(last, ms);
        this.#run('UPDATE events SET stamp = ? WHERE seq = ?', last, seq);
      }
    }
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
    return this.#database.guarded('be read', () => ({
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
    return this.#database.guarded('be read', () => ({ first: of('min'), last: of('max') }));
  }

  /** Events that are aside, by their ids. */
  setAside(afterId: number, most: number): SetAside[] {
    const query = `SELECT ${asideColumns} FROM aside WHERE seq > ? ORDER BY seq LIMIT ?`;
    return this.#database.guarded('be read', () => this.#read(query, afterId, most)) as unknown as SetAside[];
  }

  /** Puts what is aside behind what waits, as new events: these, or all that were refused; answers how many. */
  retry(ids: readonly number[] | undefined, nowMs: number): number {
    return this.#database.transaction('retry', () => {
      const chosen = ids && [...new Set(ids)].map((id) => ['seq = ?', id] as const);
      let count = 0;
      for (const [where, value] of chosen ?? [['code <> ?', cleared] as const]) {
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
    return this.#database.transaction('set aside', () => {
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
    try {
      if (this.#number('PRAGMA freelist_count') > freePages)
        this.#read(`PRAGMA incremental_vacuum(${freePages})`);
    } catch {
      // Another time.
    }
  }

  close(): void {
    this.#senderLock?.close();
    this.#database.close();
  }

  #run(query: string, ...values: SQLInputValue[]): number {
    return this.#database.run(query, ...values);
  }

  #read(query: string, ...values: SQLInputValue[]): Record<string, unknown>[] {
    return this.#database.statement(query).all(...values);
  }

  #number(query: string): number {
    return this.#database.number(query);
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
}
