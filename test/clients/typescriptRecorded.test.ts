import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { Sluice } from '../../clients/typescript/src/index.ts';
import { Store } from '../../clients/typescript/src/store.ts';
import { FaultServer } from './faultServer.ts';

type Value = string | number | { bytes: string };

/** An outbox's file, as `python/recording.py` made it. */
interface Recording {
  pragmas: Record<string, string | number>;
  schema: string[];
  rows: Record<'events' | 'aside' | 'state' | 'created' | 'sqlite_sequence', Value[][]>;
}

const directory = join(import.meta.dirname, 'outbox');
const recordings = readdirSync(directory).map((name): [string, Recording] => [
  name,
  JSON.parse(readFileSync(join(directory, name), 'utf8')) as Recording,
]);

function restore({ pragmas, schema, rows }: Recording, path: string): void {
  const db = new DatabaseSync(path);
  const { journal_mode, ...first } = pragmas;
  for (const [name, value] of Object.entries(first)) db.exec(`PRAGMA ${name} = ${value}`);
  for (const sql of schema) db.exec(sql);
  db.exec(`PRAGMA journal_mode = ${journal_mode}`);
  for (const [table, found] of Object.entries(rows)) {
    for (const row of found) {
      const values = row.map((value): SQLInputValue => (typeof value === 'object' ? bytesOf(value) : value));
      db.prepare(`INSERT INTO ${table} VALUES (${values.map(() => '?').join()})`).run(...values);
    }
  }
  db.close();
}

function bytesOf({ bytes }: { bytes: string }): Uint8Array {
  return new TextEncoder().encode(bytes);
}

function textOf(value: Value | undefined): string {
  return typeof value === 'object' ? value.bytes : String(value);
}

/** The values of a query's one column. */
function column(path: string, query: string): unknown[] {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    return db
      .prepare(query)
      .all()
      .map((row) => Object.values(row)[0]);
  } finally {
    db.close();
  }
}

describe("an outbox's file as it was recorded", () => {
  let server: FaultServer;
  let folder: string;
  let path: string;
  beforeEach(async () => {
    server = await FaultServer.start();
    folder = mkdtempSync(join(tmpdir(), 'sluice-recorded-'));
    path = join(folder, 'outbox.db');
  });
  afterEach(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  const clientOf = (): Sluice => new Sluice({ url: server.url, key: 'a-key', outbox: path, lingerMs: 10 });

  for (const [name, recording] of recordings) {
    it(`has its events sent as they were recorded, and keeps what is aside: ${name}`, async () => {
      restore(recording, path);
      const { events, aside, created, state, sqlite_sequence: sequence } = recording.rows;
      const client = clientOf();
      assert.equal(await client.drain(), true);
      const waiting = events.map(([, stamp, line]) => ({ stamp, ...(JSON.parse(textOf(line)) as object) }));
      assert.deepEqual(server.kept, waiting);
      const shown = (await client.refused()).map(({ id, stamp, line, code, message, refusedAtMs }) => [
        ...[id, stamp, { bytes: line }],
        ...[code, message, refusedAtMs],
      ]);
      assert.deepEqual(shown, aside);
      const states = Object.fromEntries(state) as Record<string, Value>;
      assert.equal((await client.outboxStatus()).refused, states['refused']);
      await client.update('a/b', { n: 1 });
      assert.equal(await client.drain(), true);
      assert.ok(String(server.kept.at(-1)?.['stamp']) > textOf(states['last_stamp']));
      await client.close();
      const [last] = column(path, 'SELECT seq FROM sqlite_sequence');
      assert.equal(last, Number(sequence[0]?.[1]) + 1);
      const store = new Store(path);
      for (const [, taskId] of created) assert.ok(store.hasCreated(textOf(taskId)));
      store.close();
    });
  }

  it('has the form of new files, the latest of them', async () => {
    await clientOf().close();
    const latest = recordings.at(-1)?.[1];
    assert.ok(latest);
    for (const [name, value] of Object.entries(latest.pragmas))
      assert.deepEqual(column(path, `PRAGMA ${name}`), [value]);
    const named =
      "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'sqlite_sequence' ORDER BY rowid";
    const schema = column(path, named).map((sql) => String(sql).split(/\s+/).join(' '));
    assert.deepEqual(schema, latest.schema);
    const states = latest.rows.state.map(([name]) => name);
    assert.deepEqual(column(path, 'SELECT name FROM state ORDER BY name'), states);
  });
});
