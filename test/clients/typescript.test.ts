import assert from 'node:assert/strict';
import {
  ApiError,
  Blocked,
  ConfigurationError,
  DELETE_FIELD,
  NotFound,
  Refused,
  SERVER_TIMESTAMP,
  Sluice,
  type SluiceOptions,
  Unavailable,
} from '../../clients/typescript/src/index.ts';
import { ManualClock } from '../support/clock.ts';
import { FaultServer, hang, type Line, problem, raw } from './faultServer.ts';
import { SleepClock } from './sleepClock.ts';
import { until } from './until.ts';

describe('the TypeScript client without an outbox', () => {
  let server: FaultServer;
  beforeEach(async () => {
    server = await FaultServer.start();
  });
  afterEach(() => server.stop());

  const clientOf = (options: SluiceOptions = {}): Sluice =>
    new Sluice({ url: server.url, key: 'a-key', ...options });

  /** The events that were kept, without their stamps, which must rise. */
  function kept(): object[] {
    const stamps = server.kept.map(({ stamp }) => stamp);
    assert.deepEqual(stamps, [...new Set(stamps)].toSorted());
    return server.kept.map(({ stamp: _, ...event }) => event);
  }

  it('sends every kind of event with its values', async () => {
    const client = clientOf();
    const taskId = await client.createTask('translation', { input_text: 'Hallo', required_miner_count: 1 });
    await client.setFields(taskId, { assigned_miners: [7], priority: null }, { visibility: 'deferred' });
    const submitted_at = new Date('2026-03-01T12:00:00Z');
    await client.sendResponse(
      taskId,
      7,
      { text: 'Hello', none: undefined },
      { accuracy_score: 0.9, submitted_at },
    );
    const bytes = new Uint8Array([97, 98]);
    await client.set('users/1', { at: submitted_at, bytes, now: SERVER_TIMESTAMP, big: 2n ** 60n });
    await client.update('users/1', { 'a.b': DELETE_FIELD }, { visibility: 'prompt' });
    await client.delete('users/2');
    const documentId = await client.createDocument('users', {});
    assert.deepEqual(kept(), [
      {
        type: 'task',
        task_id: taskId,
        task_type: 'translation',
        input_text: 'Hallo',
        required_miner_count: 1,
      },
      { type: 'fields', task_id: taskId, assigned_miners: [7], priority: null, visibility: 'deferred' },
      {
        type: 'response',
        task_id: taskId,
        miner_uid: 7,
        response_data: { text: 'Hello' },
        accuracy_score: 0.9,
        submitted_at: '2026-03-01T12:00:00.000Z',
      },
      {
        type: 'set',
        path: 'users/1',
        data: {
          at: { $timestamp: '2026-03-01T12:00:00.000Z' },
          bytes: { $bytes: 'YWI=' },
          now: { $server_timestamp: true },
          big: 2 ** 60,
        },
      },
      { type: 'update', path: 'users/1', data: { 'a.b': { $delete: true } }, visibility: 'prompt' },
      { type: 'delete', path: 'users/2' },
      { type: 'set', path: `users/${documentId}`, data: {} },
    ]);
  });

  it('throws at once for what JSON cannot hold, and for too much', async () => {
    const client = clientOf();
    const typed = { type: 'mine', priority: 1 };
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    const wrong = [
      Number.NaN,
      -Infinity,
      new Map(),
      () => 1,
      Symbol('s'),
      new Date(Number.NaN),
      circle,
      [undefined],
    ];
    for (const value of [...wrong, new Uint8Array(1), DELETE_FIELD]) {
      await assert.rejects(client.sendResponse('t', 1, { value }), /TypeError|RangeError/);
    }
    await assert.rejects(client.set('a/1', { x: 'ä'.repeat(4_200_000) }), RangeError);
    await assert.rejects(client.sendEvents([]), RangeError);
    await assert.rejects(client.sendEvents(Array(1001).fill({ type: 'delete', path: 'a/1' })), RangeError);
    await assert.rejects(client.setFields('t', typed), ConfigurationError);
    assert.deepEqual(server.requests, []);
  });

  it('sends again with the same stamp what was not answered, and once', async () => {
    const clock = new SleepClock();
    const dates = { Date: 'Sun, 01 Mar 2026 12:00:00 GMT', 'Retry-After': 'Sun, 01 Mar 2026 12:00:09 GMT' };
    server.failures = [
      server.lostAnswer(),
      server.lostAnswer(0.5),
      raw(202, '<html>hello</html>'),
      problem(503, 'unavailable', { 'Retry-After': '7' }),
      problem(429, 'rate_limited', dates),
    ];
    const sent = clientOf({ clock, random: () => 1 }).sendResponse('t', 1);
    for (const [attempt, waitMs] of [500, 1000, 2000, 7000, 9000].entries()) {
      await clock.asleep(waitMs);
      assert.equal(server.requests.length, attempt + 1);
      await clock.advance(waitMs);
    }
    await sent;
    assert.equal(server.requests.length, 6);
    assert.equal(new Set(server.kept.map(({ stamp }) => stamp)).size, 1);
  });

  it('gives up after its time, and says why', async () => {
    const clock = new ManualClock();
    server.failures = [hang];
    const sent = clientOf({ clock, timeoutMs: 5000 }).sendResponse('t', 1);
    const failed = assert.rejects(sent, (error) => {
      assert.ok(error instanceof Unavailable);
      assert.match(error.message, /^POST http:.*\/v1\/events got no whole answer: .* 5000 ms/);
      return true;
    });
    await until(() => server.requests.length === 1);
    await clock.advance(5000);
    await failed;
    assert.equal(clock.pendingTimers, 0);
    const nobody = clientOf({ url: 'http://127.0.0.1:1', timeoutMs: 1 });
    await assert.rejects(nobody.sendResponse('t', 1), /ECONNREFUSED|bad port/);
  });

  it('throws what it is refused for good', async () => {
    server.refuse = ({ miner_uid }) => (miner_uid === 2 ? ['invalid_request', 'no'] : undefined);
    await assert.rejects(clientOf().sendResponse('t', 2), (error) => {
      assert.ok(error instanceof Refused);
      assert.deepEqual(
        [error.name, error.code, error.message],
        ['Refused', 'invalid_request', 'invalid_request: no'],
      );
      return true;
    });
    const cases: [ReturnType<typeof raw>, new (...args: never[]) => Error][] = [
      [problem(401, 'unauthenticated'), Blocked],
      [problem(403, 'forbidden'), Blocked],
      [raw(404, 'nothing here'), Blocked],
      [problem(413, 'payload_too_large'), ApiError],
    ];
    for (const [failure, type] of cases) {
      server.failures = [failure];
      await assert.rejects(clientOf().sendResponse('t', 1), type);
    }
  });

  it('follows no redirect with the key', async () => {
    const other = await FaultServer.start();
    try {
      server.failures = Array(2).fill(raw(307, '', { Location: `${other.url}/v1/events` }));
      await assert.rejects(clientOf().sendResponse('t', 1), Blocked);
      await assert.rejects(clientOf().getTask('t'), new RegExp(`sends on to ${other.url}`));
      assert.deepEqual(other.requests, []);
    } finally {
      await other.stop();
    }
  });

  it('stamps anew, in order, where its clock is off', async () => {
    const inTime = ({ stamp }: Line): boolean =>
      Math.abs(Number.parseInt(stamp.slice(0, 9), 36) - Date.now()) < 60_000;
    server.refuse = (line) => (inTime(line) ? undefined : ['stamp_out_of_range', 'no']);
    const client = clientOf({ now: () => Date.now() + 7_200_000 });
    await client.sendResponse('t', 1);
    await client.sendEvents([1, 2].map((n) => ({ type: 'update', path: 'a/1', data: { n } })));
    assert.equal(server.requests.length, 3);
    assert.equal(kept().length, 3);
    server.refuse = () => ['stamp_out_of_range', 'never'];
    await assert.rejects(client.sendResponse('t', 1), Refused);
  });

  it('sends again a line that is refused for now, and none of the others', async () => {
    const answers = ['unavailable', 'rate_limited'];
    server.refuse = ({ path }) =>
      path === 'a/1' && answers.length > 0 ? [answers.pop() ?? '', 'later'] : undefined;
    const clock = new SleepClock();
    const lines = ['a/0', 'a/1', 'a/2'].map((path) => ({ type: 'delete', path }));
    const sent = clientOf({ clock, random: () => 1 }).sendEvents(lines);
    for (const waitMs of [500, 1000]) {
      await clock.asleep(waitMs);
      await clock.advance(waitMs);
    }
    await sent;
    assert.deepEqual(
      server.kept.map(({ path }) => path),
      ['a/0', 'a/2', 'a/1'],
    );
  });

  it('waits for a task that it created, and for no other', async () => {
    const client = clientOf();
    const taskId = await client.createTask('translation', {}, { taskId: 'mine' });
    server.requests.length = 0;
    const done = (status: string) => raw(200, `{"task_id":"mine","status":"${status}","n":9007199254740993}`);
    const clock = new SleepClock();
    const waiting = clientOf({ clock });
    await waiting.createTask('translation', {}, { taskId });
    server.failures = [problem(404, 'not_found'), done('in_progress'), done('completed')];
    const task = waiting.getTask(taskId, { wait: true, timeoutMs: 60_000 });
    await clock.asleep(1000);
    await clock.advance(1000);
    assert.deepEqual(await task, { task_id: 'mine', status: 'completed', n: 9007199254740993n });
    assert.equal(server.requests.at(-1)?.url, '/v1/tasks/mine?wait=completed&timeout=25');
    server.failures = [problem(404, 'not_found'), problem(404, 'not_found')];
    await assert.rejects(client.getTask('a/b c', { wait: true }), NotFound);
    assert.equal(server.requests.at(-1)?.url, '/v1/tasks/a%2Fb%20c?wait=completed&timeout=25');
  });

  it('goes through all pages', async () => {
    const page = (ids: string[], next_cursor: string | null) =>
      raw(200, JSON.stringify({ tasks: ids.map((task_id) => ({ task_id })), next_cursor }));
    server.failures = [page(['a', 'b'], 'next page'), page(['c'], null)];
    const found: unknown[] = [];
    for await (const { task_id } of clientOf().tasks({ status: 'completed', limit: 2 })) found.push(task_id);
    assert.deepEqual(found, ['a', 'b', 'c']);
    assert.deepEqual(
      server.requests.map(({ url }) => url),
      ['/v1/tasks?status=completed&limit=2', '/v1/tasks?status=completed&limit=2&cursor=next+page'],
    );
  });

  it('says so where an upload is gone, or another file arrived than was declared', async () => {
    const clock = new SleepClock();
    const upload = {
      url: 'http://storage.test/u',
      method: 'PUT',
      headers: {},
      expires_at: '2026-03-08T12:00:00Z',
    };
    const records = [{ status: 'pending' }, { status: 'failed', reason: '5 bytes came' }];
    let gone = false;
    const storage: typeof fetch = async (address, { method = '', headers } = {}) => {
      const { host } = new URL(String(address));
      // Nobody but Sluice gets the key.
      assert.equal(new Headers(headers).has('x-api-key'), host === 'sluice.test');
      if (method === 'PUT') return new Response(null, { status: gone ? 410 : 200 });
      return Response.json(method === 'POST' ? { file_id: 'f', upload } : records.shift());
    };
    const client = clientOf({ url: 'http://sluice.test', fetch: storage, clock });
    const file = new Uint8Array(1024 * 1024 + 1);
    const late = client.uploadFile(file, { fileName: 'a' });
    const failed = assert.rejects(late, { name: 'UploadFailed', message: 'f: 5 bytes came' });
    await clock.asleep(200);
    await clock.advance(200);
    await failed;
    gone = true;
    await assert.rejects(client.uploadFile(file, { fileName: 'a' }), /UploadFailed: The address .* is gone/);
  });

  it('takes no address or key that cannot work, and its settings from the environment', async () => {
    const wrong = ['x', 'ftp://x', '127.0.0.1:5000', 'http://', 'http://a/?b', 'http://a/#b', 'http://u:p@a'];
    for (const url of wrong) assert.throws(() => clientOf({ url }), ConfigurationError, url);
    for (const key of ['ä', 'a b', 'a\n']) assert.throws(() => clientOf({ key }), ConfigurationError);
    assert.throws(() => new Sluice({ url: server.url }), /Give key, or set SLUICE_API_KEY/);
    const names = { SLUICE_URL: `${server.url}/`, SLUICE_API_KEY: 'other' };
    Object.assign(process.env, names);
    try {
      await using client = new Sluice();
      await client.delete('a/1');
    } finally {
      for (const name of Object.keys(names)) delete process.env[name];
    }
    assert.deepEqual(
      [server.requests[0]?.url, server.requests[0]?.headers['x-api-key']],
      ['/v1/events', 'other'],
    );
  });
});
