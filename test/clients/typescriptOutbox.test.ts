import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import {
  NotFound,
  OutboxError,
  type SetAside,
  Sluice,
  type SluiceOptions,
} from '../../clients/typescript/src/index.ts';
import { FaultServer, type Line, problem, raw, sendJson } from './faultServer.ts';
import { SleepClock } from './sleepClock.ts';
import { until } from './until.ts';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

describe("the TypeScript client's outbox", () => {
  let server: FaultServer;
  let folder: string;
  let path: string;
  let clients: Sluice[];
  beforeEach(async () => {
    server = await FaultServer.start();
    folder = mkdtempSync(join(tmpdir(), 'sluice-ts-'));
    path = join(folder, 'outbox.db');
    clients = [];
  });
  afterEach(async () => {
    await Promise.all(clients.map((client) => client.close({ timeoutMs: 0 })));
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  /** A client that lingers and backs off shortly. */
  function clientOf(options: SluiceOptions = {}): Sluice {
    const short = { lingerMs: 10, maxBackoffMs: 20, logger: silent };
    const client = new Sluice({ url: server.url, key: 'a-key', outbox: path, ...short, ...options });
    clients.push(client);
    return client;
  }

  const setTo = (n: number) => ({ type: 'update', path: 'a/b', data: { n } });
  const numberOf = ({ data }: Line): number => (data as { n: number }).n;
  const waiting = async (client: Sluice): Promise<number> => (await client.outboxStatus()).waiting;

  it('resolves when an event is on the disk, and sends what a closed client left', async () => {
    server.failures = Array(1000).fill(problem(503, 'unavailable'));
    const client = clientOf();
    const taskId = await client.createTask('translation', { input_text: 'ä\ud83d' });
    await client.set('users/1', { since: new Date(0) });
    const db = new DatabaseSync(path, { readOnly: true });
    assert.equal(db.prepare('SELECT count(*) AS count FROM events').get()?.['count'], 2);
    db.close();
    assert.equal(await client.close({ timeoutMs: 0 }), false);
    await assert.rejects(client.delete('a/b'), OutboxError);
    server.failures = [];
    const next = clientOf();
    assert.equal(await next.drain(), true);
    assert.deepEqual(
      server.kept.map(({ type, task_id, input_text, data }) => ({ type, task_id, input_text, data })),
      [
        { type: 'task', task_id: taskId, input_text: 'ä\ud83d', data: undefined },
        {
          type: 'set',
          task_id: undefined,
          input_text: undefined,
          data: { since: { $timestamp: '1970-01-01T00:00:00.000Z' } },
        },
      ],
    );
    assert.equal(await waiting(next), 0);
    assert.equal(await next.close(), true);
  });

  it('lingers for others, and sends at once when a batch is full', async () => {
    const clock = new SleepClock();
    const client = clientOf({ clock, lingerMs: 2000 });
    const send = (count: number) => client.sendEvents(Array.from({ length: count }, (_, n) => setTo(n)));
    await clock.asleep(2000);
    await clock.advance(500);
    await send(3);
    await clock.advance(1500);
    await clock.asleep(500);
    assert.equal(server.requests.length, 0);
    await clock.advance(500);
    await until(() => server.kept.length === 3);
    await clock.asleep(2000);
    await send(999);
    assert.equal(server.requests.length, 1);
    await send(1000);
    await until(() => server.kept.length === 1003);
    await clock.asleep(2000);
    assert.deepEqual(
      server.requests.map(({ lines }) => lines.length),
      [3, 1000],
    );
    await clock.advance(2000);
    await until(() => server.kept.length === 2002);
  });

  it('bounds a request by its bytes', async () => {
    const client = clientOf({ lingerMs: 1e6 });
    const big = (n: number) => ({ type: 'set', path: `b/${n}`, data: { x: 'ä'.repeat(450_000) } });
    await client.sendEvents(Array.from({ length: 12 }, (_, n) => big(n)));
    assert.equal(await client.drain(), true);
    assert.deepEqual(
      server.kept.map((line) => line['path']),
      Array.from({ length: 12 }, (_, n) => `b/${n}`),
    );
    for (const { bytes } of server.requests) assert.ok(bytes <= 8 * 1024 * 1024, String(bytes));
  });

  it('lets callers that come together share a commit', async () => {
    const commits: number[] = [];
    const client = clientOf({ now: () => commits.push(1), lingerMs: 1e6 });
    commits.length = 0;
    await Promise.all(Array.from({ length: 500 }, (_, n) => client.sendEvents([setTo(n)])));
    assert.ok(commits.length <= 2, String(commits.length));
    assert.equal(await waiting(client), 500);
  });

  it('sends again with the same stamps what was not answered', async () => {
    const html = raw(202, '<html>hello</html>');
    server.failures = [server.lostAnswer(), server.lostAnswer(0.5), problem(500, 'internal'), html];
    const client = clientOf();
    await client.sendEvents([setTo(0), setTo(1)]);
    assert.equal(await client.drain(), true);
    assert.equal(server.requests.length, 5);
    const stamps = new Set(server.kept.map((line) => `${numberOf(line)} ${line.stamp}`));
    assert.equal(stamps.size, 2);
    assert.equal((await client.outboxStatus()).error, undefined);
  });

  it('backs off, and as long as Retry-After asks', async () => {
    const clock = new SleepClock();
    server.failures = [problem(503, 'unavailable'), problem(503, 'unavailable', { 'Retry-After': '40' })];
    const client = clientOf({ clock, maxBackoffMs: 60_000, random: () => 1, lingerMs: 100 });
    await clock.asleep(100);
    await client.sendEvents([setTo(1)]);
    await clock.advance(100);
    for (const [attempt, waitMs] of [1000, 40_000].entries()) {
      await clock.asleep(waitMs);
      assert.equal(server.requests.length, attempt + 1);
      await clock.advance(waitMs);
    }
    await until(async () => (await client.outboxStatus()).sent === 1);
  });

  it('keeps aside what is refused, tells of it, and sends it again when asked', async () => {
    const told: SetAside[] = [];
    server.refuse = (line) => (numberOf(line) % 2 === 1 ? ['invalid_request', 'no'] : undefined);
    const onRefused = (event: SetAside): void => {
      told.push(event);
      throw new Error('a handler that fails');
    };
    const client = clientOf({ onRefused });
    await client.sendEvents([0, 1, 2, 3].map(setTo));
    assert.equal(await client.drain(), true);
    assert.deepEqual(server.kept.map(numberOf), [0, 2]);
    const aside = await client.refused();
    await until(() => told.length === 2);
    assert.deepEqual(told, aside);
    assert.deepEqual(
      aside.map(({ code, message, line }) => [code, message, JSON.parse(line)]),
      [1, 3].map((n) => ['invalid_request', 'no', setTo(n)]),
    );
    const { waiting, setAside, refused, oldestAgeMs } = await client.outboxStatus();
    assert.deepEqual([waiting, setAside, refused, oldestAgeMs], [0, 2, 2, undefined]);
    server.refuse = () => undefined;
    assert.equal(await client.retryRefused([aside[1]?.id ?? 0]), 1);
    assert.equal(await client.retryRefused(), 1);
    assert.equal(await client.drain(), true);
    assert.deepEqual(server.kept.map(numberOf), [0, 2, 3, 1]);
  });

  it('stops sending with a wrong key or address, and takes events all the same', async () => {
    const other = await FaultServer.start();
    server.failures = [
      problem(401, 'unauthenticated'),
      raw(307, '', { Location: other.url }),
      raw(404, 'no such site'),
      problem(403, 'forbidden'),
    ];
    const said: string[] = [];
    const client = clientOf({ logger: { ...silent, error: (text) => said.push(String(text)) } });
    await client.sendEvents([setTo(1)]);
    await until(async () => (await client.outboxStatus()).isBlocked);
    await client.sendEvents([setTo(2)]);
    await until(() => server.kept.length === 2);
    await until(async () => !(await client.outboxStatus()).isBlocked);
    assert.equal(said.length, 4);
    assert.match(said[0] ?? '', /stopped sending, and keeps taking events: unauthenticated/);
    assert.match(said[1] ?? '', new RegExp(other.url));
    assert.deepEqual(other.requests, []);
    await other.stop();
  });

  it('halves a body that is too large down to the one event', async () => {
    server.failures = Array(50).fill((response: Parameters<typeof sendJson>[0], lines: Line[]) => {
      if (lines.length <= 2 && lines.every((line) => numberOf(line) !== 3)) return false;
      return sendJson(response, 413, { code: 'payload_too_large', detail: 'too large' });
    });
    const client = clientOf({ lingerMs: 1e6 });
    const x = 'x'.repeat(70_000);
    await client.sendEvents([...Array(8).keys()].map((n) => ({ type: 'set', path: 'a/b', data: { n, x } })));
    assert.equal(await client.drain(), true);
    assert.deepEqual(server.kept.map(numberOf), [0, 1, 2, 4, 5, 6, 7]);
    assert.deepEqual(
      (await client.refused()).map(({ code }) => code),
      ['payload_too_large'],
    );
  });

  it('sends again a line that is refused for now, and does not spin on stamps that are never right', async () => {
    const answers: [string, string][] = [
      ['unavailable', 'later'],
      ['rate_limited', 'slowly'],
    ];
    server.refuse = (line) => (numberOf(line) === 1 ? answers.pop() : undefined);
    const client = clientOf();
    await client.sendEvents([0, 1, 2].map(setTo));
    assert.equal(await client.drain(), true);
    assert.deepEqual(server.kept.map(numberOf).toSorted(), [0, 1, 2]);
    assert.equal((await client.outboxStatus()).refused, 0);
    await client.close();
    server.requests.length = 0;
    server.refuse = () => ['stamp_out_of_range', 'never'];
    const clock = new SleepClock();
    const next = clientOf({ clock, random: () => 1 });
    await clock.asleep(10);
    await next.sendEvents([setTo(1)]);
    await clock.advance(10);
    await clock.asleep(20);
    assert.equal(server.requests.length, 2);
    assert.match((await next.outboxStatus()).error ?? '', /does not take event \d+ now: never/);
  });

  it('keeps the order, and takes the time of the server, when the clock jumps', async () => {
    let aheadMs = 0;
    const now = (): number => Date.now() + aheadMs;
    server.refuse = ({ stamp }) => {
      const ms = Number.parseInt(stamp.slice(0, 9), 36) - server.now();
      return ms > 60_000 || ms < -45 * 86_400_000 ? ['stamp_out_of_range', 'no'] : undefined;
    };
    server.failures = [problem(503, 'unavailable')];
    const client = clientOf({ now, lingerMs: 1e6 });
    await client.sendEvents([setTo(0)]);
    aheadMs = 3_600_000;
    await client.sendEvents([setTo(1), setTo(2)]);
    aheadMs = 0;
    await client.sendEvents([setTo(3)]);
    assert.equal(await client.drain(), true);
    await client.sendEvents([setTo(4)]);
    aheadMs = -50 * 86_400_000;
    assert.equal(await client.drain(), true);
    await client.sendEvents([setTo(5)]);
    assert.equal(await client.drain(), true);
    const byStamp = server.kept.toSorted((a, b) => (a.stamp < b.stamp ? -1 : 1));
    assert.deepEqual(byStamp.map(numberOf), [0, 1, 2, 3, 4, 5]);
  });

  it('stamps what is too old as old as may be', async () => {
    const client = clientOf({ now: () => Date.now() - 100 * 86_400_000, lingerMs: 1e6 });
    await client.sendEvents([setTo(0), setTo(1)]);
    server.refuse = ({ stamp }) =>
      Number.parseInt(stamp.slice(0, 9), 36) < Date.now() - 45 * 86_400_000
        ? ['stamp_out_of_range', 'no']
        : undefined;
    assert.equal(await client.drain(), true);
    const [first, second] = server.kept;
    assert.deepEqual(server.kept.map(numberOf), [0, 1]);
    assert.ok(first !== undefined && second !== undefined && first.stamp < second.stamp);
  });

  it('moves aside what waits, of some types or all, and loses none of it', async () => {
    server.failures = Array(1000).fill(problem(503, 'unavailable'));
    const client = clientOf();
    await client.sendResponse('t', 1);
    await client.sendEvents([setTo(1), setTo(2)]);
    assert.equal(await client.clearOutbox(['response', 'set']), 1);
    assert.deepEqual(
      (await client.refused()).map(({ code, line }) => [code, JSON.parse(line).type]),
      [['cleared', 'response']],
    );
    assert.equal(await client.clearOutbox(), 2);
    assert.equal(await client.retryRefused(), 0);
    assert.equal(await client.retryRefused((await client.refused()).map(({ id }) => id)), 3);
    server.failures = [];
    assert.equal(await client.drain(), true);
    assert.equal(server.kept.length, 3);
  });

  it('waits for a task that another client of the same outbox created', async () => {
    const taskId = await clientOf({ lingerMs: 1e6 }).createTask('translation');
    await clients[0]?.close();
    server.failures = [problem(404, 'not_found'), raw(200, '{"status":"completed"}')];
    const next = clientOf();
    assert.deepEqual(await next.getTask(taskId, { wait: true }), { status: 'completed' });
    server.failures = [problem(404, 'not_found')];
    await assert.rejects(next.getTask('of somebody else', { wait: true }), NotFound);
  });

  it('takes nothing into a file that is not in its place any more', async () => {
    server.failures = Array(1000).fill(problem(503, 'unavailable'));
    const client = clientOf();
    await client.sendEvents([setTo(1)]);
    renameSync(path, `${path}.old`);
    await assert.rejects(client.sendEvents([setTo(2)]), /OutboxError: .* was moved or deleted/);
    server.failures = [];
    await until(() => server.kept.length === 1);
  });

  it('refuses files that are no outbox, and leaves them as they are', async () => {
    const text = join(folder, 'text');
    writeFileSync(text, 'No database at all.\n'.repeat(100));
    const foreign = join(folder, 'foreign.db');
    const db = new DatabaseSync(foreign);
    db.exec('CREATE TABLE mine (x)');
    db.close();
    mkdirSync(join(folder, 'directory'));
    for (const outbox of [text, foreign, join(folder, 'no/where.db'), join(folder, 'directory')]) {
      const before =
        existsSync(outbox) && outbox !== join(folder, 'directory') ? readFileSync(outbox) : undefined;
      assert.throws(
        () => clientOf({ outbox }),
        (error) => error instanceof OutboxError && error.message.includes(outbox),
      );
      if (before) assert.deepEqual(readFileSync(outbox), before);
    }
  });

  it('refuses a damaged file when it is opened', async () => {
    server.failures = Array(1000).fill(problem(503, 'unavailable'));
    const client = clientOf();
    await client.sendEvents(
      [...Array(1000).keys()].map((n) => ({ ...setTo(n), data: { n, x: 'x'.repeat(300) } })),
    );
    await client.close({ timeoutMs: 0 });
    const file = openSync(path, 'r+');
    writeSync(file, Buffer.alloc(4096 * 4, 0xa5), 0, 4096 * 4, 4096 * 3);
    assert.throws(() => clientOf(), /damaged|malformed/);
  });

  it("is read by the Python client's command, and shares its file with it", async () => {
    server.refuse = ({ type }) => (type === 'response' ? ['invalid_request', 'no such thing'] : undefined);
    const client = clientOf();
    await client.sendResponse('t', 1, { text: 'ä' });
    assert.equal(await client.drain(), true);
    const python = (...args: string[]): string =>
      execFileSync('python3', ['-B', '-m', 'sluice', 'outbox', path, ...args], {
        cwd: join(import.meta.dirname, '../../clients/python'),
        encoding: 'utf8',
        env: { ...process.env, PYTHONIOENCODING: 'utf-8' },
      });
    assert.match(python(), /^0 events wait/);
    assert.deepEqual(JSON.parse(python('--export', 'refused')).response_data, { text: 'ä' });
    server.refuse = () => undefined;
    assert.match(python('--retry'), /^1 refused events will be sent again/);
    assert.equal(await client.drain(), true);
    assert.equal(server.kept.length, 1);
  });
});
