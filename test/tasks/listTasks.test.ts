import assert from 'node:assert/strict';
import type { Api, Backend } from '../support/api.ts';
import { startMs } from '../support/clock.ts';
import { created, patched, response } from '../support/events.ts';
import type { Answer } from '../support/http.ts';
import { startReading } from './support.ts';

describe('GET /v1/tasks', () => {
  let backend: Backend;
  let api: Api;

  beforeEach(async () => {
    ({ backend, api } = await startReading());
    const tasks = [
      { task_type: 'tts', assigned_miners: [1, 2] },
      { task_type: 'tts', assigned_miners: [2], status: 'assigned' },
      { task_type: 'summarization', assigned_miners: [0, 1] },
      { task_type: 'summarization', status: 'cancelled' },
      { task_type: 'tts' },
    ];
    for (const [index, fields] of tasks.entries()) await backend.write(created(`t${index}`, startMs, fields));
    backend.billedReads();
  });

  afterEach(() => backend.close());

  it('shows the newest written first, and what it cost', async () => {
    await backend.write(patched('t1', startMs + 1, { priority: 1 }));
    backend.billedReads();

    const answer = await api.get('/v1/tasks');

    assert.equal(answer.status, 200);
    assert.deepEqual(idsOf(answer), ['t1', 't4', 't3', 't2', 't0']);
    assert.equal(answer.json['next_cursor'], null);
    assert.equal(answer.headers.get('x-firestore-reads'), '5');
    assert.equal(backend.billedReads(), 5);
  });

  it('filters by status, type, assigned miner, and all of them', async () => {
    const cases: Record<string, string[]> = {
      'status=cancelled': ['t3'],
      'task_type=tts': ['t4', 't1', 't0'],
      'miner_uid=1': ['t2', 't0'],
      'miner_uid=0': ['t2'],
      'miner_uid=2&status=assigned': ['t1'],
      'miner_uid=1&status=pending&task_type=summarization': ['t2'],
      'task_type=nothing': [],
    };
    for (const [query, expected] of Object.entries(cases)) {
      assert.deepEqual(idsOf(await api.get(`/v1/tasks?${query}`)), expected, query);
    }
  });

  it('bills one read for an empty answer', async () => {
    const { headers } = await api.get('/v1/tasks?status=failed');

    assert.equal(headers.get('x-firestore-reads'), '1');
    assert.equal(backend.billedReads(), 1);
  });

  it('goes through the pages without gap or repetition, also when times are the same', async () => {
    const seen: string[] = [];
    let cursor = '';
    do {
      const answer = await api.get(`/v1/tasks?limit=2&task_type=tts${cursor && `&cursor=${cursor}`}`);
      assert.equal(answer.status, 200);
      seen.push(...idsOf(answer));
      cursor = String(answer.json['next_cursor'] ?? '');
    } while (cursor !== '');

    assert.deepEqual(seen, ['t4', 't1', 't0']);
  });

  it('shows where a body is in Cloud Storage only how large it is', async () => {
    await backend.write(
      response('t0', startMs + 1, 1, { body: { object: 'bodies/responses/x', bytes: 70_000 } }),
    );

    const { json } = await api.get('/v1/tasks?limit=1');

    const [task] = json['tasks'] as { miner_responses: Record<string, Record<string, unknown>> }[];
    assert.deepEqual(task?.miner_responses['1']?.['response_body'], { bytes: 70_000 });
  });

  it('refuses bad filters, limits and cursors without a read', async () => {
    const queries = [
      'status=done',
      'miner_uid=-1',
      'miner_uid=1.5',
      'miner_uid=x',
      'limit=0',
      'limit=101',
      'limit=ten',
      'state=pending',
      'cursor=abc',
      `cursor=${base64url(5)}`,
      `cursor=${base64url([])}`,
      `cursor=${base64url([[1, 2]])}`,
      `cursor=${base64url([[1, 2], 'a/b'])}`,
      `cursor=${base64url([[1, 2], { a: 1 }])}`,
      `cursor=${base64url([[1, 2], 't1', 'more'])}`,
    ];
    for (const query of queries) {
      const { status, json } = await api.get(`/v1/tasks?${query}`);
      assert.equal(status, 400, query);
      assert.equal(json['code'], 'invalid_request', query);
    }
    assert.equal(backend.billedReads(), 0);
  });

  it('answers 503 while Firestore is down, and 403 to keys that may not read', async () => {
    backend.faults.add({ service: 'firestore', code: 8, rate: 1, forMs: 1000, phase: 'before' });

    assert.equal((await api.get('/v1/tasks')).status, 503);
    assert.equal((await api.get('/v1/tasks', 'ingest-key')).status, 403);
  });
});

function idsOf({ json }: Answer): string[] {
  return (json['tasks'] as { task_id: string }[]).map(({ task_id }) => task_id);
}

function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
