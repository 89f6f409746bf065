import assert from 'node:assert/strict';
import { AppError } from '../../functions/src/platform/errors.ts';
import { type Ingest, response, startIngest } from '../support/ingest.ts';

const path = '/v1/events';
const ndjson = 'application/x-ndjson';

const task = { task_id: 't', task_type: 'test', input_text: 'Hallo', metadata: { a: [1] } };
const answer = response({ task_id: 't' });
const operation = {
  type: 'update',
  path: 'users/1',
  data: { 'stats.views': 3, at: { $server_timestamp: true } },
};

const lines = (...events: unknown[]): string => events.map((event) => `${JSON.stringify(event)}\n`).join('');

describe('POST /v1/events', () => {
  let ingest: Ingest;
  before(async () => {
    ingest = await startIngest(['users']);
  });
  after(() => ingest.close());
  beforeEach(() => ingest.stager.reset());

  const send = (body: string | Uint8Array, headers: Record<string, string> = {}) =>
    ingest.send(path, body, ndjson, { headers });

  /** Events without their stamps, which no two requests share. */
  const staged = () => ingest.stager.events.map(({ stamp: _, ...event }) => event);

  it('accepts events of all kinds in one call, in their order, with rising stamps', async () => {
    const events = [
      { type: 'task', ...task },
      { type: 'fields', task_id: 't', assigned_miners: [7] },
      { type: 'response', ...answer },
      operation,
      { type: 'delete', path: 'users/2' },
      { type: 'set', path: 'users/2', data: {} },
    ];
    const { status, json } = await send(lines(...events));
    assert.equal(status, 202);
    assert.deepEqual(json, {
      accepted: 6,
      rejected: [],
      warnings: [],
      created: [],
      server_time: new Date(ingest.clock.now()).toISOString(),
    });
    assert.equal(ingest.stager.calls.length, 1);
    assert.deepEqual(
      ingest.stager.events.map((event) => (event.kind === 'operation' ? event.type : event.kind)),
      ['created', 'patched', 'response', 'update', 'delete', 'set'],
    );
    const stamps = ingest.stager.events.map(({ stamp }) => stamp);
    assert.deepEqual(stamps, [...new Set(stamps)].sort());
  });

  it('makes of each line what the route of its kind makes of it', async () => {
    const waits = [undefined, 'prompt', 'default'];
    for (const visibility of waits) {
      const query = visibility === undefined ? '' : `?visibility=${visibility}`;
      await ingest.post(`/v1/tasks${query}`, task);
      await ingest.post(`/v1/tasks/t${query}`, { status: 'approved', priority: null }, { method: 'PATCH' });
      await ingest.post(`/v1/operations${query}`, { operations: [operation] });
      await ingest.post('/v1/responses', answer);
      const alone = staged();
      ingest.stager.reset();
      const wait = visibility === undefined ? {} : { visibility };
      const { status } = await send(
        lines(
          { type: 'task', ...task, ...wait },
          { type: 'fields', task_id: 't', status: 'approved', priority: null, ...wait },
          { ...operation, ...wait },
          { type: 'response', ...answer },
        ),
      );
      assert.equal(status, 202);
      assert.deepEqual(staged(), alone);
      ingest.stager.reset();
    }
  });

  it('lists bad lines by their number less one, in the words of their own route', async () => {
    const bad = [
      '{"type": nope}',
      lines({ type: 'answer' }).trim(),
      lines(answer).trim(),
      '[]',
      lines({ type: 'response', ...answer, miner_uid: -1 }).trim(),
      lines({ type: 'response', ...answer, visibility: 'prompt' }).trim(),
      lines({ type: 'task', task_id: 't' }).trim(),
      lines({ type: 'fields', status: 'approved' }).trim(),
      lines({ type: 'fields', task_id: 't' }).trim(),
      lines({ type: 'set', path: 'secrets/1', data: {} }).trim(),
      lines({ type: 'set', path: 'users/1', data: {}, visibility: 'deferred' }).trim(),
      lines({ type: 'task', ...task, input_text: 'x'.repeat(512 * 1024) }).trim(),
    ];
    const { status, json } = await send(['', ...bad, lines({ type: 'task', ...task })].join('\r\n'));
    assert.equal(status, 202);
    const rejected = json['rejected'] as { index: number; code: string; message: string }[];
    assert.deepEqual(
      rejected.map(({ index }) => index),
      bad.map((_, index) => index + 1),
    );
    const told: [number, string, RegExp][] = [
      [0, 'invalid_request', /line 1, column 11/],
      [
        1,
        'invalid_request',
        /^type: expected one of response, task, fields, set, update, delete, got "answer"\.$/,
      ],
      [2, 'invalid_request', /^type: expected one of/],
      [3, 'invalid_request', /^event: expected an object/],
      [4, 'invalid_request', /^miner_uid: expected an integer from 0 to 65535, got -1\.$/],
      [5, 'invalid_request', /visibility/],
      [6, 'invalid_request', /^task_type: expected/],
      [7, 'invalid_request', /^task_id: expected/],
      [8, 'invalid_request', /There is no field to set/],
      [9, 'forbidden', /secrets/],
      [10, 'invalid_request', /^visibility: expected prompt/],
      [11, 'payload_too_large', /524288 bytes/],
    ];
    for (const [at, code, message] of told) {
      assert.equal(rejected[at]?.code, code, String(at));
      assert.match(rejected[at]?.message ?? '', message);
    }
    assert.equal(ingest.stager.events.length, 1);
  });

  it('names tasks that have no id, the same again with the same Idempotency-Key', async () => {
    const { task_id: _, ...unnamed } = task;
    const body = lines({ type: 'task', ...unnamed }, { type: 'task' }, { type: 'task', ...unnamed });
    const first = await send(body, { 'Idempotency-Key': 'k' });
    const again = await send(body, { 'Idempotency-Key': 'k' });
    const other = await send(body, { 'Idempotency-Key': 'l' });
    const created = first.json['created'] as { index: number; task_id: string }[];
    assert.deepEqual(
      created.map(({ index }) => index),
      [0, 2],
    );
    assert.deepEqual(again.json['created'], created);
    assert.notDeepEqual(other.json['created'], created);
    assert.equal(new Set(created.map(({ task_id }) => task_id)).size, 2);
    const ids = ingest.stager.events.map((event) => ('taskId' in event ? event.taskId : ''));
    assert.deepEqual(
      ids.slice(0, 4),
      [...created, ...created].map(({ task_id }) => task_id),
    );
    // The same id as the task's own route makes of that key.
    const alone = await ingest.post('/v1/tasks', unnamed, { headers: { 'Idempotency-Key': 'k' } });
    assert.equal(alone.json['task_id'], created[0]?.task_id);
  });

  it('takes the stamps that a proxy gave its events, so that a repetition is known', async () => {
    const at = (ms: number, rest = 'bootboot0001'): string => ms.toString(36).padStart(9, '0') + rest;
    const nowMs = ingest.clock.now();
    const stamps = [at(nowMs), at(nowMs + 60_000), at(nowMs - 44 * 86_400_000)];
    const { json } = await send(lines(...stamps.map((stamp) => ({ ...operation, stamp }))));
    assert.equal(json['accepted'], 3);
    assert.deepEqual(
      ingest.stager.events.map(({ stamp }) => stamp),
      stamps,
    );
    ingest.stager.reset();
    await send(
      lines({ type: 'response', ...answer, stamp: stamps[0] }, { type: 'task', ...task, stamp: stamps[0] }),
    );
    assert.deepEqual(
      ingest.stager.events.map(({ stamp }) => stamp),
      [stamps[0], stamps[0]],
    );
    ingest.stager.reset();
    const bad = [at(nowMs + 60_001), at(nowMs - 45 * 86_400_000), '0'.repeat(21), 'z'.repeat(21)];
    const forms = [at(nowMs, 'deadline0000'), at(nowMs, '000000000000'), at(nowMs, 'zzzzzzzz0000'), 'now', 7];
    const refused = await send(lines(...[...bad, ...forms].map((stamp) => ({ ...operation, stamp }))));
    assert.equal(refused.status, 422);
    assert.equal(refused.json['server_time'], new Date(nowMs).toISOString());
    const rejected = refused.json['rejected'] as { code: string; message: string }[];
    assert.deepEqual(
      rejected.map(({ code }) => code),
      ['stamp_out_of_range', 'stamp_out_of_range', ...Array.from({ length: 7 }, () => 'invalid_request')],
    );
    assert.match(
      rejected[0]?.message ?? '',
      /at most 60 s ahead, got 2026-01-01T00:01:00\.001Z; stamp it anew/,
    );
  });

  it('is for proxies: a miner, a reader and a validator get 403', async () => {
    for (const role of ['miner', 'read', 'validator']) {
      const refused = await ingest.send(path, lines(operation), ndjson, { key: `${role}-key` });
      assert.equal(refused.status, 403, role);
    }
    assert.equal((await ingest.send(path, lines(operation), ndjson, { key: 'admin-key' })).status, 202);
  });

  it('answers 422 where no line is valid, 403 where none may be done', async () => {
    for (const body of ['', '\n \r\n', '{}\n[]', lines({ type: 'task' })]) {
      const refused = await send(body);
      assert.equal(refused.status, 422, JSON.stringify(body));
      assert.equal(refused.json['code'], 'nothing_accepted');
    }
    assert.equal((await send(lines({ type: 'delete', path: 'secrets/1' }))).status, 403);
    assert.equal(ingest.stager.calls.length, 0);
  });

  it('refuses as a whole 1,001 lines, what is no NDJSON, and what is no UTF-8', async () => {
    const many = Array.from({ length: 1001 }, () => operation);
    assert.equal((await send(lines(...many))).status, 413);
    assert.equal(
      (await send(`${lines(...many.slice(1))}\n\n\n`)).status,
      202,
      'blank lines count for nothing',
    );
    for (const type of ['application/json', 'text/plain', undefined]) {
      const refused = await ingest.send(path, lines(operation), type);
      assert.equal(refused.status, 415, type);
      assert.match(String(refused.json['detail']), /application\/x-ndjson/);
    }
    assert.equal((await send(Buffer.from([0x7b, 0xff, 0x7d]))).status, 400);
    assert.equal(ingest.stager.calls.length, 1);
  });

  it('reads lines as they come: a byte order mark, no line feed at the end, a name like __proto__', async () => {
    const { status, json } = await send(`\ufeff${lines(operation)}${JSON.stringify(operation)}`);
    assert.equal(status, 202);
    assert.equal(json['accepted'], 2);
    const proto = await send(
      '{"type":"response","task_id":"t","miner_uid":7,"response_data":1,"__proto__":{"a":1}}',
    );
    assert.equal(proto.status, 422);
    assert.match(String(proto.json['detail']), /__proto__/);
  });

  it('passes on that nothing is known to be kept', async () => {
    ingest.stager.failure = new AppError('unavailable', 'Repeat it.');
    const refused = await send(lines(operation, { type: 'task', ...task }));
    assert.equal(refused.status, 503);
    assert.ok(Number(refused.headers.get('retry-after')) > 0);
  });
});
