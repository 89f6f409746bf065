import assert from 'node:assert/strict';
import type { OperationAccepted } from '../../functions/src/events/event.ts';
import { AppError } from '../../functions/src/platform/errors.ts';
import { startMs } from '../support/clock.ts';
import type { Answer } from '../support/http.ts';
import { type Ingest, startIngest } from '../support/ingest.ts';

const acceptedAt = new Date(startMs).toISOString();

interface Rejected {
  index: number;
  code: string;
  message: string;
}

function rejectedOf({ json }: Answer): Rejected[] {
  return (json as { rejected: Rejected[] }).rejected;
}

function operationsIn({ stager }: Ingest): OperationAccepted[] {
  return stager.events.filter((event) => event.kind === 'operation');
}

/** Lists in one another. */
function nested(levels: number): unknown {
  return levels === 0 ? 1 : { n: nested(levels - 1) };
}

describe('POST /v1/operations', () => {
  let ingest: Ingest;

  beforeEach(async () => {
    ingest = await startIngest();
  });

  afterEach(() => ingest.close());

  const post = (operations: unknown[], path = '/v1/operations'): Promise<Answer> =>
    ingest.post(path, { operations });

  it('stages a request’s operations together, in their order', async () => {
    const { status, json } = await post([
      { type: 'set', path: 'users/1', data: { name: 'a' } },
      { type: 'update', path: 'users/1/notes/2', data: { 'text.size': 3 } },
      { type: 'delete', path: 'users/3' },
    ]);
    assert.equal(status, 202);
    assert.deepEqual(json, { accepted: 3, rejected: [], warnings: [] });
    assert.equal(ingest.stager.calls.length, 1);
    const staged = operationsIn(ingest);
    assert.deepEqual(
      staged.map(({ stamp: _, ...rest }) => rest),
      [
        { kind: 'operation', path: 'users/1', type: 'set', data: { name: 'a' } },
        { kind: 'operation', path: 'users/1/notes/2', type: 'update', data: { 'text.size': 3 } },
        { kind: 'operation', path: 'users/3', type: 'delete' },
      ],
    );
    const stamps = staged.map(({ stamp }) => stamp);
    assert.deepEqual(stamps, stamps.toSorted());
  });

  it('accepts the valid ones and names the others by index', async () => {
    const { status, json } = await post([
      { type: 'increment', path: 'users/1', data: {} },
      { type: 'set', path: 'users/1', data: {} },
      { type: 'set', path: 'tasks/1', data: {} },
      'set',
    ]);
    assert.equal(status, 202);
    assert.equal((json as { accepted: number }).accepted, 1);
    assert.deepEqual(
      rejectedOf({ json } as Answer).map(({ index, code }) => [index, code]),
      [
        [0, 'invalid_request'],
        [2, 'forbidden'],
        [3, 'invalid_request'],
      ],
    );
  });

  it('resolves values that JSON cannot hold, and the time of the server', async () => {
    await post([
      {
        type: 'set',
        path: 'users/1',
        data: {
          at: { $timestamp: '2026-03-01T12:00:00.5+02:00' },
          naive: [{ $timestamp: '2026-03-01 12:00:00' }],
          day: { $timestamp: '1969-07-20' },
          raw: { $bytes: 'AAEC' },
          deep: { now: { $server_timestamp: true } },
        },
      },
      { type: 'update', path: 'users/1', data: { 'a.`b.c`': { $delete: true }, d: { e: [{ f: 1 }] } } },
    ]);
    assert.deepEqual(
      operationsIn(ingest).map(({ data }) => data),
      [
        {
          at: { $timestamp: '2026-03-01T10:00:00.500Z' },
          naive: [{ $timestamp: '2026-03-01T12:00:00.000Z' }],
          day: { $timestamp: '1969-07-20T00:00:00.000Z' },
          raw: { $bytes: 'AAEC' },
          deep: { now: { $timestamp: acceptedAt } },
        },
        { 'a.`b.c`': { $delete: true }, d: { e: [{ f: 1 }] } },
      ],
    );
  });

  it('passes on that they need not wait', async () => {
    await post([{ type: 'delete', path: 'users/1' }], '/v1/operations?visibility=prompt');
    assert.equal(operationsIn(ingest)[0]?.visibility, 'prompt');
    assert.equal((await post([], '/v1/operations?visibility=soon')).status, 400);
  });

  const set = (data: unknown) => ({ type: 'set', path: 'users/1', data });
  const update = (data: unknown) => ({ type: 'update', path: 'users/1', data });
  const at = (path: unknown) => ({ type: 'delete', path });
  const bad: [name: string, operation: unknown, message: RegExp][] = [
    ['no path', { type: 'delete' }, /path: expected a text/],
    ['an odd path', at('users'), /even number/],
    ['a collection below a document', at('users/1/notes'), /even number/],
    ['an empty name', at('users//1/2'), /empty/],
    ['a slash first', at('/users/1'), /empty/],
    ['two dots', at('users/..'), /\.\. is no name/],
    ['a dot', at('./1'), /\. is no name/],
    ['a reserved name', at('users/__id1__'), /__…__/],
    ['an id of 1,501 bytes', at(`users/${'x'.repeat(1_501)}`), /1501 bytes; 1500/],
    ['an id of 501 characters of three bytes', at(`users/${'€'.repeat(501)}`), /1503 bytes/],
    ['a path of more than 6 KiB', at(Array(8).fill('x'.repeat(1_000)).join('/')), /6144/],
    ['half a character in a path', at('users/\ud83d'), /surrogate/],
    ['collections over 100 deep', at(Array(202).fill('x').join('/')), /100 deep/],
    ['an unknown type', { type: 'merge', path: 'users/1', data: {} }, /one of set, update, delete/],
    ['an unknown member', { ...set({}), merge: true }, /"merge"/],
    ['a set without data', set(undefined), /data: expected an object, got nothing/],
    ['a list for data', set([]), /got a list/],
    ['an update of nothing', update({}), /no field to update/],
    ['a delete with data', { ...at('users/1'), data: {} }, /no data/],
    ['Sluice’s field', set({ _sluice: 1 }), /own field/],
    ['a part of Sluice’s field', update({ '_sluice.a': 1 }), /own field/],
    ['a field without a name', set({ a: { '': 1 } }), /without a name/],
    ['a reserved field', set({ __proto: { __x__: 1 } }), /__…__/],
    ['a long field name', set({ ['x'.repeat(1_501)]: 1 }), /1500 bytes/],
    ['half a character', set({ a: 'half \ud83d' }), /surrogate/],
    ['a list in a list', set({ a: [[1]] }), /data\.a\[0\]: is a list directly in a list/],
    ['nesting over 20', set({ a: nested(21) }), /deeper than 20/],
    [
      'nesting over 20 through a path',
      update({ [Array(12).fill('a').join('.')]: nested(10) }),
      /deeper than 20/,
    ],
    ['a path deeper than 20', update({ [Array(22).fill('a').join('.')]: 1 }), /deeper than 20/],
    ['no field path', update({ 'a..b': 1 }), /no field path/],
    ['a field twice', update({ a: 1, '`a`': 2 }), /twice/],
    ['a field and a part of it', update({ 'a.b.c': 1, 'a-b': 1, 'a.b': 2 }), /"a.b.c" is a part of "a.b"/],
    ['an increment', update({ n: { $increment: 1 } }), /"\$increment" is not supported: adding exactly once/],
    [
      'an array union',
      update({ n: { $array_union: [1] } }),
      /"\$array_union" is not supported: .*whole list/,
    ],
    ['an array removal', update({ n: { $array_remove: [1] } }), /"\$array_remove" is not supported/],
    ['an unknown form', set({ a: { b: { $ref: 'x/y' } } }), /"\$ref" is not supported/],
    ['a form as a field', set({ $increment: 1 }), /does not begin with \$/],
    ['a form with more', set({ a: { $bytes: 'AA==', b: 1 } }), /stands alone/],
    ['a deletion in a set', set({ a: { $delete: true } }), /field of an update/],
    ['a deletion deeper in an update', update({ a: { b: { $delete: true } } }), /by its path/],
    ['no time', set({ a: { $timestamp: 'yesterday' } }), /ISO 8601/],
    ['a day that no month has', set({ a: { $timestamp: '2026-02-30' } }), /ISO 8601/],
    ['a time past the year 9999', set({ a: { $timestamp: '9999-12-31T23:00:00-02:00' } }), /ISO 8601/],
    ['a number for a time', set({ a: { $timestamp: 5 } }), /ISO 8601/],
    ['no base64', set({ a: { $bytes: 'a_b' } }), /base64/],
    ['a server time of false', set({ a: { $server_timestamp: false } }), /always true/],
  ];
  for (const [name, operation, message] of bad) {
    it(`refuses ${name}`, async () => {
      const answer = await post([operation]);
      assert.equal(answer.status, 422);
      assert.match(rejectedOf(answer)[0]?.message ?? '', message);
      assert.equal(rejectedOf(answer)[0]?.code, 'invalid_request');
      assert.deepEqual(ingest.stager.events, []);
    });
  }

  it('refuses what no document can hold, to the byte where a set says it all', async () => {
    const most = 1_048_576 - (16 + 'users'.length + 1 + '1'.length + 1 + 32) - ('a'.length + 1) - 1;
    const answer = await post([
      set({ a: 'x'.repeat(most) }),
      set({ a: 'x'.repeat(most + 1) }),
      update({ a: { b: 'x'.repeat(600_000) }, 'c.d': ['€'.repeat(200_000)] }),
      update({ a: { b: 'x'.repeat(500_000) }, 'c.d': ['x'.repeat(500_000)] }),
    ]);
    assert.equal((answer.json as { accepted: number }).accepted, 2);
    assert.deepEqual(
      rejectedOf(answer).map(({ index, code }) => [index, code]),
      [
        [1, 'payload_too_large'],
        [2, 'payload_too_large'],
      ],
    );
    assert.match(rejectedOf(answer)[0]?.message ?? '', /1048577 bytes; .*1048576/);
    assert.equal((await post([set({ a: 'x'.repeat(1_048_576) })])).status, 422);
    const body = { collection: 'users', data: { a: 'x'.repeat(1_048_576) } };
    assert.equal((await ingest.post('/v1/documents', body)).status, 413);
  });

  it('takes 20 levels, ids of 1,500 bytes, and empty documents', async () => {
    const answer = await post([set({ a: nested(20) }), set({}), at(`users/${'x'.repeat(1_500)}`)]);
    assert.deepEqual(answer.json, { accepted: 3, rejected: [], warnings: [] });
  });

  it('answers 403 where nothing but Sluice’s own collections is meant, at any depth', async () => {
    for (const path of [
      'tasks/1',
      'files/1',
      'quota/ledger',
      'tombstones/1',
      'tasks/1/notes/2',
      'users/1/tasks/1',
    ]) {
      const answer = await post([at(path)]);
      assert.equal(answer.status, 403, path);
      assert.equal(rejectedOf(answer)[0]?.code, 'forbidden');
    }
    assert.equal((await post([at('tasks/1'), at('users')])).status, 422);
  });

  it('refuses a body that is no list of operations, and more than 500', async () => {
    for (const body of [[], { operations: {} }, { operations: [], more: 1 }, 5]) {
      assert.equal((await ingest.post('/v1/operations', body)).status, 400);
    }
    assert.equal((await post([])).status, 422);
    assert.equal((await post(Array(501).fill(at('users/1')))).status, 413);
    assert.equal((await post(Array(500).fill(at('users/1')))).status, 202);
  });

  it('is for ingest keys', async () => {
    const call = { operations: [at('users/1')] };
    assert.equal((await ingest.post('/v1/operations', call, { key: 'miner-key' })).status, 403);
    assert.equal((await ingest.post('/v1/operations', call, { key: 'admin-key' })).status, 202);
  });

  it('says 503 when nothing is known to be kept', async () => {
    ingest.stager.failure = new AppError('unavailable', 'down');
    const answer = await post([at('users/1')]);
    assert.equal(answer.status, 503);
    assert.ok(answer.headers.get('retry-after'));
  });
});

describe('operations where only some collections are allowed', () => {
  it('reach those and what is below them', async () => {
    const ingest = await startIngest(['users']);
    try {
      const operations = ['users/1', 'users/1/x/2', 'other/1'].map((path) => ({ type: 'delete', path }));
      const answer = await ingest.post('/v1/operations', { operations });
      assert.equal(answer.status, 202);
      assert.deepEqual(
        rejectedOf(answer).map(({ index, code }) => [index, code]),
        [[2, 'forbidden']],
      );
    } finally {
      await ingest.close();
    }
  });
});

describe('POST /v1/documents', () => {
  let ingest: Ingest;

  before(async () => {
    ingest = await startIngest();
  });

  after(() => ingest.close());

  const create = (body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
    ingest.post('/v1/documents', body, { headers });

  it('makes a document under a random id', async () => {
    const { status, json } = await create({ collection: 'users/1/notes', data: { a: 1 } });
    const { path, document_id: id } = json as { path: string; document_id: string };
    assert.equal(status, 202);
    assert.equal(path, `users/1/notes/${id}`);
    const [staged] = operationsIn(ingest);
    assert.deepEqual(
      [staged?.path, staged?.type, staged?.data, staged?.isNew],
      [path, 'set', { a: 1 }, true],
    );
  });

  it('makes the same one again for the same Idempotency-Key', async () => {
    const body = { collection: 'users', data: {} };
    const made = await Promise.all(
      ['k1', 'k1', 'k2'].map(async (key) => (await create(body, { 'Idempotency-Key': key })).json),
    );
    assert.deepEqual(made[0], made[1]);
    assert.notDeepEqual(made[0], made[2]);
    assert.equal((await create(body, { 'Idempotency-Key': 'a b' })).status, 400);
  });

  it('refuses what cannot be', async () => {
    assert.equal((await create({ collection: 'users/1', data: {} })).status, 400);
    assert.equal((await create({ data: {} })).status, 400);
    assert.equal((await create({ collection: 'users' })).status, 400);
    assert.equal((await create({ collection: 'tasks', data: {} })).status, 403);
    assert.equal((await create({ collection: 'users', data: {}, id: 'x' })).status, 400);
    assert.equal((await create([])).status, 400);
  });
});

describe('POST /v1/tasks/{id}/status', () => {
  it('changes a task’s status', async () => {
    const ingest = await startIngest();
    try {
      const answer = await ingest.post('/v1/tasks/t1/status', { status: 'approved' });
      assert.equal(answer.status, 202);
      assert.deepEqual(answer.json, { task_id: 't1', warnings: [] });
      const [event] = ingest.stager.events;
      assert.deepEqual(event?.kind === 'patched' && event.fields, { status: 'approved' });
      assert.equal((await ingest.post('/v1/tasks/t1/status', { priority: 1 })).status, 400);
      assert.equal((await ingest.post('/v1/tasks/t1/status', { status: 'done' })).status, 400);
    } finally {
      await ingest.close();
    }
  });
});
