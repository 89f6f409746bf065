import assert from 'node:assert/strict';
import { minerRoutes } from '../../functions/src/miners/taskRoutes.ts';
import type { OpenTaskFeed } from '../../functions/src/tasks/feed.ts';
import { type Api, type Backend, startBackend } from '../support/api.ts';
import { startMs } from '../support/clock.ts';
import { created, patched, response } from '../support/events.ts';
import { feedOf } from '../support/feed.ts';
import type { Answer } from '../support/http.ts';
import { defaultSpeakers } from '../support/speakers.ts';

describe('GET /api/v1/miners/{uid}/tasks', () => {
  let backend: Backend;
  let api: Api;

  beforeEach(async () => {
    backend = await startBackend();
    const feed = feedOf(backend);
    const bound = { id: 'bound', role: 'miner', key: 'bound-key', uids: [0, 7] } as const;
    api = await backend.serve(
      minerRoutes({ feed, speakers: defaultSpeakers(), readCacheMs: 5000, pollCacheMs: 5000 }),
      [{ ...bound, uids: [...bound.uids] }],
    );
  });

  afterEach(() => backend.close());

  function poll(uid: number | string, query = 'status=assigned', key = 'miner-key'): Promise<Answer> {
    return api.get(`/api/v1/miners/${uid}/tasks?${query}`, key);
  }

  it('is a bare array in which a task has what miners read', async () => {
    await backend.write(
      created('t1', startMs, {
        task_type: 'text_translation',
        input_text: 'Guten Tag',
        source_language: 'de',
        target_language: 'en',
        model_id: null,
        priority: 2,
        required_miner_count: 2,
        assigned_miners: [0, 5],
      }),
      response('t1', startMs + 1, 5),
    );

    const { status, text, headers } = await poll(0, 'status=assigned&exclude_processing=true');

    assert.equal(status, 200);
    assert.equal(headers.get('x-firestore-reads'), '1');
    const [task, ...others] = JSON.parse(text);
    assert.deepEqual(others, []);
    assert.equal(task.task_id, 't1');
    assert.equal(task.task_type, 'text_translation');
    assert.equal(task.status, 'assigned', 'though its stored status is in_progress');
    assert.deepEqual(task.input_text, { text: 'Guten Tag', source_language: 'de', target_language: 'en' });
    assert.equal(task.source_language, 'de');
    assert.equal(task.model_id, null);
    assert.equal(task.priority, 2);
    assert.equal(task.required_miner_count, 2);
    assert.equal(task.created_at, '2026-01-01T00:00:00.000Z');
    assert.equal('miner_responses' in task, false, 'what other miners answered is not shown');
    assert.equal('best_response' in task, false);
  });

  it('leaves input_text that says its languages, and files, as they are', async () => {
    const fields = {
      task_type: 'summarization',
      assigned_miners: [1],
      source_language: 'de',
      target_language: 'fr',
      input_text: { text: 'Long', source_language: 'en', target_language: 'es', tone: null },
      input_file_id: 'f1',
      input_file: { file_id: 'f1', file_name: 'a.wav', file_type: 'audio', file_size: 9, file_url: '/x' },
    };
    await backend.write(created('t1', startMs, fields));

    const [task] = JSON.parse((await poll(1)).text);

    assert.deepEqual(task.input_text, fields.input_text);
    assert.equal(task.input_file_id, 'f1');
    assert.deepEqual(task.input_file, fields.input_file);
  });

  it('lists as assigned what is open, assigned to the miner and not answered by it, oldest first', async () => {
    const assigned_miners = [0, 1];
    const write = (id: string, atMs: number, fields: object) =>
      backend.write(created(id, startMs + atMs, { task_type: 'tts', assigned_miners, ...fields }));
    await write('late', 3000, {});
    await write('early', 1000, { status: 'assigned' });
    await write('other', 2000, { assigned_miners: [1] });
    await write('over', 2000, { status: 'cancelled' });
    await write('answered', 2000, {});
    await backend.write(response('answered', startMs + 2001, 0));

    assert.deepEqual(idsOf(await poll(0)), ['early', 'late']);
    assert.deepEqual(idsOf(await poll(1)), ['early', 'answered', 'other', 'late']);
    assert.deepEqual(idsOf(await poll(2)), []);
  });

  it('filters other statuses by the stored one, and shows all open ones without', async () => {
    const assigned_miners = [3];
    await backend.write(created('a', startMs, { task_type: 'tts', assigned_miners }));
    await backend.write(created('b', startMs + 1, { task_type: 'tts', assigned_miners }));
    await backend.write(response('b', startMs + 2, 3));
    await backend.write(
      created('c', startMs + 3, { task_type: 'tts', assigned_miners, status: 'completed' }),
    );

    assert.deepEqual(idsOf(await poll(3, 'status=pending')), ['a']);
    assert.deepEqual(idsOf(await poll(3, 'status=in_progress')), ['b']);
    assert.deepEqual(idsOf(await poll(3, '')), ['a', 'b']);
    assert.deepEqual(idsOf(await poll(3, 'status=completed')), ['c']);
    assert.equal((await poll(3, 'status=done')).status, 400);
  });

  it('keeps a miner key to the miners it is bound to', async () => {
    assert.equal((await poll(0, '', 'bound-key')).status, 200);
    assert.equal((await poll(7, '', 'bound-key')).status, 200);
    const refused = await poll(1, '', 'bound-key');
    assert.equal(refused.status, 403);
    assert.equal(typeof refused.json['detail'], 'string');
    assert.equal((await poll(1, '', 'read-key')).status, 200);
    assert.equal((await poll(1, '', 'ingest-key')).status, 403);
  });

  it('shows of a task that is over what a bound key’s own miner answered, and nothing of its rivals', async () => {
    const fields = { task_type: 'tts', assigned_miners: [0, 7, 8], required_miner_count: 3 };
    const own = { response_data: { answer: 'of 0' } };
    const rival = { response_data: { answer: 'secret of 8' }, accuracy_score: 0.9 };
    await backend.write(
      created('t', startMs, fields),
      response('t', startMs + 1, 0, own),
      response('t', startMs + 2, 7),
      response('t', startMs + 3, 8, rival),
    );
    const bound = await poll(0, 'status=completed', 'bound-key');
    const [task] = JSON.parse(bound.text);
    assert.deepEqual(Object.keys(task.miner_responses), ['0']);
    assert.deepEqual(task.miner_responses['0'].response_data, own.response_data);
    for (const field of ['best_response', 'evaluations', 'assigned_miners', 'superseded_responses'])
      assert.equal(field in task, false, field);
    assert.equal(bound.text.includes('secret'), false);
    // Who shares a key with rivals could ask for theirs.
    const shared = await poll(8, 'status=completed', 'miner-key');
    assert.deepEqual(JSON.parse(shared.text)[0].miner_responses, {});
    const reader = await poll(8, 'status=completed', 'read-key');
    assert.deepEqual(Object.keys(JSON.parse(reader.text)[0].miner_responses), ['8']);
  });

  it('may be given again by Hosting to the same key for POLL_CACHE_SECONDS, and says when to come next', async () => {
    const { headers } = await poll(0);
    assert.equal(headers.get('cache-control'), 'public, max-age=0, s-maxage=5');
    assert.equal(headers.get('x-poll-after'), '5');
    for (const [uid, query, key] of [
      [0, 'status=none', 'miner-key'],
      [1, '', 'bound-key'],
      [1, '', 'unknown-key'],
    ] as const)
      assert.equal((await poll(uid, query, key)).headers.get('cache-control'), 'private, no-store');
  });

  it('refuses what is no uid', async () => {
    for (const uid of ['-1', '1.5', 'abc', '70000', '%20']) assert.equal((await poll(uid)).status, 400, uid);
    assert.equal(backend.billedReads(), 0);
  });
});

function idsOf({ text }: Answer): string[] {
  return JSON.parse(text).map(({ task_id }: { task_id: string }) => task_id);
}

describe('Open tasks in memory', () => {
  let backend: Backend;
  let feed: OpenTaskFeed;

  beforeEach(async () => {
    backend = await startBackend();
    feed = feedOf(backend);
  });

  afterEach(() => backend.close());

  async function openIds(): Promise<string[]> {
    return [...(await feed.open()).tasks].map(({ taskId }) => taskId).sort();
  }

  async function write(id: string, fields: object = {}): Promise<void> {
    await backend.write(created(id, backend.clock.now(), { task_type: 'tts', ...fields }));
  }

  it('follow what is written, at most READ_CACHE_SECONDS late', async () => {
    await write('a');
    assert.deepEqual(await openIds(), ['a']);

    backend.clock.moveTo(1000);
    await write('b');
    assert.deepEqual(await openIds(), ['a'], 'not asked again yet');
    backend.clock.moveTo(5000);
    assert.deepEqual(await openIds(), ['a', 'b']);

    await backend.write(patched('a', backend.clock.now(), { status: 'cancelled' }));
    backend.clock.moveTo(10_000);
    assert.deepEqual(await openIds(), ['b']);
    await backend.write(patched('b', backend.clock.now(), { assigned_miners: [4] }));
    backend.clock.moveTo(15_000);
    const [task] = (await feed.open()).tasks;
    assert.deepEqual([...(task?.assigned ?? [])], [4]);
  });

  it('see a write that a query missed though its server time is earlier', async () => {
    const { clock } = backend;
    let isLateHidden = true;
    const documents = {
      query: async (...query: Parameters<typeof backend.documents.query>) => {
        const found = await backend.documents.query(...query);
        const seen = found.documents.filter(({ path }) => !isLateHidden || path !== 'tasks/late');
        return { ...found, documents: seen };
      },
    };
    const missing = feedOf(backend, { documents });
    await missing.open();
    clock.moveTo(3001);
    await write('late');
    clock.moveTo(5000);
    assert.deepEqual([...(await missing.open()).tasks], []);
    isLateHidden = false;
    backend.billedReads();

    clock.moveTo(10_000);
    const [task] = (await missing.open()).tasks;

    assert.equal(task?.taskId, 'late');
    assert.equal(backend.billedReads(), 1);
    clock.moveTo(15_000);
    assert.equal((await missing.open()).reads, 1, 'nothing, which bills a read');
  });

  it('are loaded and followed over more than one page', async () => {
    const paged = feedOf(backend, { pageSize: 2 });
    const ids = ['a', 'b', 'c', 'd', 'e'];
    for (const id of ids) await write(id);
    backend.billedReads();
    const first = await paged.open();
    assert.deepEqual([...first.tasks].map(({ taskId }) => taskId).sort(), ids);
    assert.equal(first.reads, 5);
    assert.equal(backend.billedReads(), 5);

    for (const id of ids) await backend.write(patched(id, backend.clock.now() + 1, { priority: 1 }));
    backend.clock.moveTo(5000);
    const { tasks, reads } = await paged.open();
    assert.ok([...tasks].every(({ view }) => view['priority'] === 1));
    assert.equal(reads, 5);
  });

  it('are asked for by nobody while nobody polls', async () => {
    await openIds();
    backend.billedReads();

    backend.clock.moveTo(3_600_000);

    assert.equal(backend.billedReads(), 0);
    assert.equal(backend.clock.nextDueMs(), undefined, 'and no timer runs');
  });

  it('are loaded anew every 10 minutes, so that deleted tasks go', async () => {
    await write('a', { status: 'assigned' });
    await write('b');
    await openIds();
    const [present] = await backend.documents.read(['tasks/b'], 'test');
    assert.ok(present?.version);
    // As good as deleted for a reader of changes: it is in none of the feed's ranges.
    const changes = ['feed_shard', 'status'].map((name) => ({ path: [name], value: null }));
    await backend.documents.commit([{ path: 'tasks/b', ifVersion: present.version, changes }], 'test');

    backend.clock.moveTo(599_999);
    assert.deepEqual(await openIds(), ['a', 'b']);
    backend.clock.moveTo(604_999);
    assert.deepEqual(await openIds(), ['a']);
  });

  it('serve all who ask at the same time with one query', async () => {
    await write('a');
    backend.billedReads();

    const answers = await Promise.all(Array.from({ length: 50 }, () => feed.open()));

    assert.equal(backend.billedReads(), 1);
    assert.equal(
      answers.reduce((sum, { reads }) => sum + reads, 0),
      1,
    );
  });

  it('answer from memory, however old, while Firestore fails, and ask it no oftener', async () => {
    await write('a');
    await openIds();
    backend.faults.add({ service: 'firestore', code: 8, rate: 1, forMs: 3_600_000, phase: 'before' });
    backend.clock.moveTo(1_800_000);

    const answers = [await openIds(), await openIds(), await openIds()];

    assert.deepEqual(answers, [['a'], ['a'], ['a']]);
    assert.equal(backend.logger.lines.filter(({ severity }) => severity === 'WARNING').length, 1);
    backend.clock.moveTo(3_600_000);
    await write('b');
    assert.deepEqual(await openIds(), ['a', 'b']);
  });

  it('are refused as unavailable while they were never loaded', async () => {
    const { logger } = backend;
    const api = await backend.serve(
      minerRoutes({ feed, speakers: defaultSpeakers(), readCacheMs: 5000, pollCacheMs: 5000 }),
    );
    backend.faults.add({ service: 'firestore', code: 8, rate: 1, forMs: 5000, phase: 'before' });

    for (let round = 0; round < 2; round += 1) {
      const { status, headers } = await api.get('/api/v1/miners/1/tasks?status=assigned');
      assert.equal(status, 503);
      assert.ok(Number(headers.get('retry-after')) > 0);
    }
    backend.clock.moveTo(5000);
    assert.equal((await api.get('/api/v1/miners/1/tasks?status=assigned')).status, 200);
    assert.ok(logger.lines.length > 0);
  });

  it('let a poll go on with memory when Firestore hangs', async () => {
    const { clock } = backend;
    let isHanging = false;
    const documents = {
      query: (...query: Parameters<typeof backend.documents.query>) =>
        isHanging ? new Promise<never>(() => undefined) : backend.documents.query(...query),
    };
    const hanging = feedOf(backend, { documents });
    await write('a');
    await hanging.open();
    isHanging = true;
    clock.moveTo(5000);

    const answer = hanging.open();
    clock.moveTo(9000);

    assert.deepEqual(
      [...(await answer).tasks].map(({ taskId }) => taskId),
      ['a'],
    );
    const next = hanging.open();
    clock.moveTo(9000);
    assert.deepEqual([...(await next).tasks].length, 1, 'who comes later does not wait again');
  });

  it('take no more memory than they may', async () => {
    const { logger } = backend;
    const small = feedOf(backend, { maxBytes: 4000 });
    for (let index = 0; index < 10; index += 1) await write(`t${index}`, { input_text: 'x'.repeat(400) });

    const { tasks } = await small.open();

    const held = [...tasks].reduce((sum, { bytes }) => sum + bytes, 0);
    assert.ok(held > 0 && held <= 4000, String(held));
    assert.equal(logger.lines.at(-1)?.severity, 'ERROR');
  });
});
