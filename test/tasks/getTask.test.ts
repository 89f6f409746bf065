import assert from 'node:assert/strict';
import type { Api, Backend } from '../support/api.ts';
import { startMs } from '../support/clock.ts';
import { created, patched, response } from '../support/events.ts';
import { serveReading, startReading, taskReader } from './support.ts';

describe('GET /v1/tasks/{id}', () => {
  let backend: Backend;
  let api: Api;

  beforeEach(async () => {
    ({ backend, api } = await startReading());
  });

  afterEach(() => backend.close());

  it('shows the task, its times as ISO 8601 and nothing of its own bookkeeping', async () => {
    const metadata = { source: 'proxy', grid: [[1], [2]] };
    await backend.write(
      created('t1', startMs, { task_type: 'tts', required_miner_count: 2, metadata }),
      response('t1', startMs + 1000, 0, { accuracy_score: 0.75 }),
      response('t1', startMs + 2000, 7, { accuracy_score: 0.5 }),
    );

    const { status, json, headers } = await api.get('/v1/tasks/t1');

    assert.equal(status, 200);
    assert.equal(headers.get('content-type'), 'application/json');
    assert.equal(headers.get('x-firestore-reads'), '1');
    assert.equal(json['task_id'], 't1');
    assert.equal(json['status'], 'completed');
    assert.equal(json['created_at'], '2026-01-01T00:00:00.000Z');
    assert.equal(json['completed_at'], '2026-01-01T00:00:02.000Z');
    assert.deepEqual(json['best_response'], { miner_uid: 0, score: 0.75 });
    assert.deepEqual(json['metadata'], metadata, 'a value that Firestore cannot nest comes back as it was');
    assert.deepEqual(Object.keys(json['miner_responses'] as object), ['0', '7']);
    assert.deepEqual((json['miner_responses'] as Record<string, unknown>)['7'], {
      miner_uid: 7,
      response_data: { answer: 7 },
      submitted_at: '2026-01-01T00:00:01.995Z',
      received_at: '2026-01-01T00:00:02.000Z',
      processing_time: 1,
      accuracy_score: 0.5,
      speed_score: 0.5,
      hotkey: null,
      status: 'completed',
    });
    const hidden = Object.keys(json).filter((name) => /^_|feed_shard|_json$/.test(name));
    assert.deepEqual(hidden, []);
  });

  it('puts bodies from Cloud Storage in their places', async () => {
    const body = { object: 'bodies/responses/one', bytes: 20 };
    await backend.objects.connect().put(body.object, Buffer.from('{"text":"a long one"}'));
    await backend.write(
      created('t1', startMs),
      response('t1', startMs + 1, 1, { body }),
      response('t1', startMs + 2, 2, { body: { object: 'bodies/responses/gone', bytes: 5 } }),
    );

    const { json } = await api.get('/v1/tasks/t1');

    const responses = json['miner_responses'] as Record<string, Record<string, unknown>>;
    assert.deepEqual(responses['1']?.['response_data'], { text: 'a long one' });
    assert.equal(responses['2']?.['response_data'], null);
    assert.equal('response_body' in (responses['1'] ?? {}), false);
  });

  it('costs nothing again within READ_CACHE_SECONDS, and one read after', async () => {
    await backend.write(created('t1', startMs));
    backend.billedReads();

    const costs: (string | null)[] = [];
    for (const atMs of [0, 1, 4999, 5000]) {
      backend.clock.moveTo(atMs);
      costs.push((await api.get('/v1/tasks/t1')).headers.get('x-firestore-reads'));
    }

    assert.deepEqual(costs, ['1', '0', '0', '1']);
    assert.equal(backend.billedReads(), 2);
    assert.deepEqual(backend.meter.byPurpose(), { get_task: { reads: 2, writes: 0, deletes: 0 } });
  });

  it('reads once for all who ask at the same time', async () => {
    await backend.write(created('t1', startMs));
    backend.billedReads();

    const answers = await Promise.all(Array.from({ length: 20 }, () => api.get('/v1/tasks/t1')));

    assert.equal(backend.billedReads(), 1);
    assert.equal(answers.filter(({ headers }) => headers.get('x-firestore-reads') === '1').length, 1);
    assert.ok(answers.every(({ json }) => json['task_id'] === 't1'));
  });

  it('answers 404 for an unknown task, and looks again a second later', async () => {
    const first = await api.get('/v1/tasks/t1');
    assert.equal(first.status, 404);
    assert.equal(first.json['code'], 'not_found');
    backend.clock.moveTo(999);
    await api.get('/v1/tasks/t1');
    assert.equal(backend.billedReads(), 1, 'absence is remembered for less than a second');

    await backend.write(created('t1', startMs));
    backend.clock.moveTo(1000);

    assert.equal((await api.get('/v1/tasks/t1')).status, 200);
  });

  it('answers 304 to who has this state already, and the new one once it changed', async () => {
    await backend.write(created('t1', startMs));
    const etag = (await api.get('/v1/tasks/t1')).headers.get('etag') ?? '';
    const same = await api.get('/v1/tasks/t1', 'read-key', { 'if-none-match': `"other", ${etag}` });
    assert.equal(same.status, 304);
    assert.equal(same.text, '');
    assert.equal(same.headers.get('etag'), etag);

    await backend.write(patched('t1', startMs + 1, { priority: 3 }));
    backend.clock.moveTo(5000);
    const changed = await api.get('/v1/tasks/t1', 'read-key', { 'if-none-match': etag });

    assert.equal(changed.status, 200);
    assert.equal(changed.json['priority'], 3);
    assert.notEqual(changed.headers.get('etag'), etag);
  });

  it('keeps the ETag of a task that was written again without a change', async () => {
    await backend.write(created('t1', startMs));
    const before = await api.get('/v1/tasks/t1');
    backend.clock.moveTo(6000);
    const path = 'tasks/t1';
    const [present] = await backend.documents.read([path], 'test');
    assert.ok(present?.version);
    const changes = [{ path: ['written_at'], value: new Date(startMs + 6000) }];
    await backend.documents.commit([{ path, ifVersion: present.version, changes }], 'test');

    const after = await api.get('/v1/tasks/t1');

    assert.notEqual(after.json['written_at'], before.json['written_at']);
    assert.equal(after.headers.get('etag'), before.headers.get('etag'));
  });

  it('answers 503 with Retry-After while Firestore is down, and recovers', async () => {
    await backend.write(created('t1', startMs));
    backend.faults.add({ service: 'firestore', code: 8, rate: 1, forMs: 1000, phase: 'before' });

    const down = await api.get('/v1/tasks/t1');
    assert.equal(down.status, 503);
    assert.equal(down.json['code'], 'unavailable');
    assert.ok(Number(down.headers.get('retry-after')) > 0);

    backend.clock.moveTo(1000);
    assert.equal((await api.get('/v1/tasks/t1')).status, 200);
  });

  for (const code of [2, 11, 12, 13, 15, 16]) {
    it(`answers 503 also where Firestore fails with ${code}`, async () => {
      backend.faults.add({ service: 'firestore', code, rate: 1, forMs: 1_000_000, phase: 'before' });
      const down = await api.get('/v1/tasks/t1');
      assert.equal(down.status, 503);
      assert.equal(JSON.stringify(down.json).includes('fault'), false);
    });
  }

  it('answers 503 while the bucket with a body is down', async () => {
    await backend.write(response('t1', startMs, 1, { body: { object: 'bodies/responses/x', bytes: 5 } }));
    const objects = backend.objects.connect(() => 'lost');
    const withoutBucket = await serveReading(backend, taskReader(backend, { objects }));

    assert.equal((await withoutBucket.get('/v1/tasks/t1')).status, 503);
  });

  it('forgets the least recent answers past its memory', async () => {
    await backend.write(created('t1', startMs, { task_type: 'x'.repeat(200) }));
    await backend.write(created('t2', startMs, { task_type: 'x'.repeat(200) }));
    const reader = taskReader(backend, { maxBytes: 1500 });

    assert.equal((await reader.read('t1')).reads, 1);
    assert.equal((await reader.read('t2')).reads, 1);
    assert.equal((await reader.read('t2')).reads, 0);
    assert.equal((await reader.read('t1')).reads, 1);
  });

  it('refuses ids that name no task, and keys that may not read', async () => {
    assert.equal((await api.get('/v1/tasks/a%2Fb')).status, 400);
    assert.equal((await api.get(`/v1/tasks/${'x'.repeat(129)}`)).status, 400);
    assert.equal((await api.get('/v1/tasks/__x__')).status, 400);
    assert.equal((await api.get('/v1/tasks/t1', 'miner-key')).status, 403);
    assert.equal((await api.get('/v1/tasks/t1', 'no-key')).status, 401);
    assert.equal(backend.billedReads(), 0);
  });
});
