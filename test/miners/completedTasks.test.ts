import assert from 'node:assert/strict';
import fc from 'fast-check';
import { validatorRoutes } from '../../functions/src/miners/validatorRoutes.ts';
import { DocumentError, ttlField } from '../../functions/src/platform/documents.ts';
import type { JsonObject } from '../../functions/src/platform/json.ts';
import type { OpenTaskFeedOptions } from '../../functions/src/tasks/feed.ts';
import { type Api, type Backend, startBackend } from '../support/api.ts';
import { startMs } from '../support/clock.ts';
import { created, evaluated, patched, response } from '../support/events.ts';
import { feedOf } from '../support/feed.ts';
import { runs } from '../support/runs.ts';

const path = '/api/v1/tasks/completed';
const summarization = {
  task_type: 'summarization',
  required_miner_count: 1,
  source_language: 'en',
  input_text: 'long',
};

interface Element extends Record<string, unknown> {
  task_id: string;
  miner_responses: Record<string, unknown>[];
}

describe('GET /api/v1/tasks/completed', () => {
  let backend: Backend;
  let api: Api;

  const serve = (options: Partial<OpenTaskFeedOptions> = {}): Promise<Api> => {
    const feed = feedOf(backend, options);
    return backend.serve(validatorRoutes({ feed, pollCacheMs: 5_000 }), [
      { id: 'bound', role: 'validator', key: 'validator-3-key', uids: [3] },
    ]);
  };
  const list = async (from = api): Promise<Element[]> => {
    const answer = await from.get(path, 'validator-key');
    assert.equal(answer.status, 200, answer.text);
    return JSON.parse(answer.text) as Element[];
  };
  const ids = (elements: readonly Element[]): string[] => elements.map(({ task_id }) => task_id);
  /** Has a task completed so many milliseconds from now on. */
  const complete = (id: string, afterMs = 10, fields: JsonObject = summarization): Promise<void> => {
    const nowMs = backend.clock.now();
    return backend.write(created(id, nowMs, fields), response(id, nowMs + afterMs, 7));
  };

  /** Has many completed, in their order, but for the last 200, which are written in any. */
  const completeAll = async (count: number, fields = summarization): Promise<void> => {
    const all = Array.from({ length: count }, (_, index) => () => complete(`t${index}`, index, fields));
    for (const each of all.slice(0, -200)) await each();
    await Promise.all(all.slice(-200).map((each) => each()));
  };

  beforeEach(async () => {
    backend = await startBackend();
    api = await serve();
  });
  afterEach(() => backend.close());

  it('has all that any version of the validator reads, every number a number', async () => {
    const scores = { processing_time: 0.5, accuracy_score: 0.95, speed_score: 1 };
    await backend.write(
      created('t1', startMs, { ...summarization, required_miner_count: 2 }),
      response('t1', startMs + 20, 9, { response_data: 'text', submitted_at_ms: startMs + 18 }),
      response('t1', startMs + 10, 7, {
        ...scores,
        response_data: { summary: '…' },
        submitted_at_ms: startMs + 8,
      }),
    );
    const answer = await api.get(path, 'validator-key');
    const at = (ms: number) => new Date(startMs + ms).toISOString();
    const half = { processing_time: 1, accuracy_score: 0.5, speed_score: 0.5 };
    const output = { output_data: { summary: '…' } };
    assert.deepEqual(JSON.parse(answer.text), [
      {
        task_id: 't1',
        task_type: 'summarization',
        status: 'completed',
        created_at: at(0),
        completed_at: at(20),
        source_language: 'en',
        language: 'en',
        target_language: null,
        model_id: null,
        required_miner_count: 2,
        response_count: 2,
        input_text: { text: 'long', source_language: 'en' },
        miner_responses: [
          {
            miner_uid: 7,
            ...scores,
            submitted_at: at(8),
            response_data: { ...output, ...scores },
            response: { response_data: output, ...scores },
          },
          {
            miner_uid: 9,
            ...half,
            submitted_at: at(18),
            response_data: { output_data: 'text', ...half },
            response: { response_data: { output_data: 'text' }, ...half },
          },
        ],
      },
    ]);
    assert.equal(answer.headers.get('content-type'), 'application/json');
  });

  it('has 0 for scores that another system stored as null or text, and leaves out what validators cannot read', async () => {
    const document = {
      task_id: 'old',
      status: 'completed',
      task_type: 'tts',
      created_at: new Date(startMs),
      input_file_id: 'f1',
      feed_shard: 1,
      written_at: new Date(startMs),
      miner_responses: {
        7: { miner_uid: 7, accuracy_score: null, speed_score: '0.5', response_data_json: '[[1]]' },
        8: { miner_uid: 8, accuracy_score: 1, counted: false },
        9: {
          miner_uid: 9,
          accuracy_score: 0.25,
          processing_time: 2,
          response_data: { output_data: { a: 1 } },
        },
      },
    };
    const { created_at, task_type, ...rest } = document;
    const others = { old: document, 'no time': { ...rest, task_type }, 'no type': { ...rest, created_at } };
    for (const [id, fields] of Object.entries(others)) {
      const changes = Object.entries(fields).map(([name, value]) => ({ path: [name], value }));
      await backend.documents.commit([{ path: `tasks/${id}`, ifVersion: 'absent', changes }], 'test');
    }
    const [task, ...more] = await list();
    assert.deepEqual(more, []);
    assert.deepEqual(task?.['input_file'], { file_id: 'f1' });
    assert.equal(task?.['required_miner_count'], 0);
    assert.deepEqual(
      task?.miner_responses.map(
        ({ miner_uid, accuracy_score, speed_score, processing_time, response_data }) => [
          ...[miner_uid, accuracy_score, speed_score, processing_time],
          (response_data as Record<string, unknown>)['output_data'],
        ],
      ),
      [
        [7, 0, 0, 0, [[1]]],
        [9, 0.25, 0, 2, { a: 1 }],
      ],
    );
  });

  it('has no more than the newest 200, and costs as much for 20 validators as for one', async () => {
    await completeAll(250);
    for (const status of ['pending', 'approved', 'failed'])
      await backend.write(created(status, startMs, { ...summarization, status }));
    backend.clock.moveTo(10_000);
    backend.billedReads();
    const newest = Array.from({ length: 200 }, (_, index) => `t${249 - index}`);
    assert.deepEqual(ids(await list()), newest);
    const first = backend.billedReads();
    assert.equal(first, 201, 'and the open task');
    const all = await Promise.all(Array.from({ length: 20 }, () => list()));
    assert.equal(backend.billedReads(), 0);
    for (const each of all) assert.deepEqual(ids(each), newest);

    const again = await serve();
    await Promise.all(Array.from({ length: 20 }, () => list(again)));
    assert.equal(backend.billedReads(), first);
  });

  it('costs what changed: an evaluated task leaves, and one that there was no room for comes', async () => {
    await completeAll(205);
    assert.equal((await list()).length, 200);
    backend.clock.moveTo(60_000);
    assert.equal((await list()).length, 200);
    backend.billedReads();
    await backend.write(evaluated('t204', backend.clock.now(), 3));
    await complete('new');
    backend.clock.moveTo(120_000);
    const listed = ids(await list());
    assert.deepEqual([listed.length, listed[0], listed[1], listed.at(-1)], [200, 'new', 't203', 't5']);
    assert.equal(backend.billedReads(), 2, 'the one that left and the one that came');
    await backend.write(evaluated('t203', backend.clock.now(), 3));
    await backend.write(evaluated('t202', backend.clock.now(), 3));
    backend.clock.moveTo(180_000);
    assert.deepEqual(ids(await list()).slice(-2), ['t4', 't3']);
    assert.ok(backend.billedReads() <= 4, 'those that left and those that came');
    backend.clock.moveTo(185_000);
    await list();
    assert.ok(backend.billedReads() <= 1, 'a query that finds nothing');
  });

  it('knows what became of its tasks while nobody asked for long', async () => {
    await completeAll(5);
    backend.clock.moveTo(10_000);
    await list();
    backend.clock.moveTo(3_600_000);
    await backend.write(evaluated('t1', backend.clock.now(), 3));
    await complete('new');
    backend.billedReads();
    assert.deepEqual(ids(await list()), ['new', 't4', 't3', 't2', 't0']);
    assert.ok(backend.billedReads() <= 4);

    const small = await serve({ pageSize: 3 });
    await list(small);
    backend.clock.moveTo(7_200_000);
    for (const id of ['t2', 't3', 't4']) await backend.write(evaluated(id, backend.clock.now(), 3));
    assert.deepEqual(ids(await list(small)), ['new', 't0'], 'more than a page: all of it is read anew');
  });

  it('and polls come to know a crowd of tasks that are too large to be read at once in time', async () => {
    const { clock } = backend;
    const documents = {
      query: async (...query: Parameters<typeof backend.documents.query>) => {
        const found = await backend.documents.query(...query);
        if (found.documents.length > 10) throw new DocumentError('unavailable', 'It did not answer in time.');
        return found;
      },
    };
    const feed = feedOf(backend, { documents, pageSize: 100 });
    await feed.completed();
    for (const idleMs of [60_000, 3_600_000]) {
      const crowd = Array.from({ length: 90 }, (_, index) => `${idleMs}-${index}`);
      await Promise.all(crowd.map((id, index) => complete(id, index)));
      await backend.write(created(`open ${idleMs}`, clock.now(), summarization));
      clock.moveTo(clock.offsetMs() + idleMs);
      const listedOf = async () => {
        clock.moveTo(clock.offsetMs() + 5_000);
        await feed.open();
        return ids(JSON.parse((await feed.completed()).json.toString()) as Element[]);
      };
      for (let poll = 0; (await listedOf()).length < 90; poll += 1) assert.ok(poll < 5, 'it stays behind');
      const open = [...(await feed.open()).tasks].map(({ taskId }) => taskId);
      assert.ok(open.includes(`open ${idleMs}`));
      await Promise.all(crowd.map((id) => backend.write(evaluated(id, clock.now(), 3))));
      for (let poll = 0; (await listedOf()).length > 0; poll += 1) assert.ok(poll < 5, 'it stays behind');
    }
    const finals = () =>
      feed.finals().then(
        ({ tasks }) => tasks.length,
        () => 0,
      );
    for (let poll = 0; (await finals()) < 100; poll += 1) assert.ok(poll < 3, 'those that are over, too');
  });

  it('has as many bytes as an answer may, whatever the tasks are', async () => {
    const sizes = [300, 2_000, 5_000, 9_000, 30_000];
    const step = fc.record({ size: fc.constantFrom(...sizes), leaves: fc.nat(20), forgets: fc.boolean() });
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        round += 1;
        const maxCompletedBytes = 20_000;
        let bounded = await serve({ maxCompletedBytes });
        const present = new Map<string, number>();
        for (const [index, { size, leaves, forgets }] of steps.entries()) {
          const id = `r${round}-${index}`;
          await complete(id, 1, { ...summarization, input_text: 'x'.repeat(size) });
          present.set(id, size);
          const gone = [...present.keys()][leaves];
          if (gone !== undefined) await backend.write(evaluated(gone, backend.clock.now() + 2, 3));
          if (gone !== undefined) present.delete(gone);
          if (forgets) bounded = await serve({ maxCompletedBytes });
          backend.clock.moveTo(backend.clock.offsetMs() + 10_000);
          const { text } = await bounded.get(path, 'validator-key');
          assert.ok(Buffer.byteLength(text) <= maxCompletedBytes);
          const listed = ids(JSON.parse(text) as Element[]);
          const possible = [...present].filter(([, bytes]) => bytes < 20_000);
          assert.ok(
            listed.every((each) => present.has(each)),
            'nothing that left',
          );
          const [newest] = possible.at(-1) ?? [];
          assert.equal(listed[0], newest);
          const isRoom = possible.reduce((sum, [, bytes]) => sum + bytes + 1_000, 0) <= maxCompletedBytes;
          if (isRoom) assert.deepEqual(listed, possible.map(([each]) => each).toReversed());
        }
        for (const each of present.keys()) await backend.write(evaluated(each, backend.clock.now(), 3));
        backend.clock.moveTo(backend.clock.offsetMs() + 10_000);
      }),
      runs(6),
    );
  }).timeout(60_000);

  it('is 16 MB at most', async () => {
    const text = 'x'.repeat(400_000);
    await completeAll(45, { ...summarization, input_text: text });
    const { text: json } = await api.get(path, 'validator-key');
    assert.ok(json.length <= 16_000_000 && json.length > 15_500_000, String(json.length));
    assert.deepEqual(ids(JSON.parse(json)).slice(0, 2), ['t44', 't43']);
  });

  it('has the bodies that are in Cloud Storage, and no answer whose body is gone', async () => {
    const objects = backend.objects.connect();
    const bodyOf = async (name: string, data: unknown) => {
      const object = `bodies/responses/${name}`;
      const bytes = Buffer.from(JSON.stringify(data));
      if (data !== undefined) await objects.put(object, bytes);
      return { object, bytes: bytes.length };
    };
    await backend.write(
      created('t', startMs, { ...summarization, required_miner_count: 2 }),
      response('t', startMs + 10, 7, { body: await bodyOf('a', { summary: 'from far' }) }),
      response('t', startMs + 11, 8, { body: { object: 'bodies/responses/gone', bytes: 9 } }),
    );
    const [task] = await list();
    assert.deepEqual(
      task?.miner_responses.map((each) => (each['response_data'] as Record<string, unknown>)['output_data']),
      [{ summary: 'from far' }],
    );
    assert.equal(task?.['response_count'], 1);
  });

  it('leaves a task out while the bucket with a body is down, and has it then', async () => {
    let isDown = true;
    const failing = backend.objects.connect((call) => (isDown && call.includes('get') ? 'failed' : 'done'));
    const own = await serve({ objects: failing });
    await failing.put('bodies/responses/a', Buffer.from('1'));
    const body = { object: 'bodies/responses/a', bytes: 1 };
    await backend.write(created('far', startMs, summarization), response('far', startMs + 10, 7, { body }));
    await complete('near', 5);
    assert.deepEqual(ids(await list(own)), ['near']);
    isDown = false;
    assert.deepEqual(ids(await list(own)), ['far', 'near']);
  });

  it('comes from memory while Firestore fails, and is 503 where there is none', async () => {
    await complete('t');
    backend.faults.add({ service: 'firestore', code: 14, rate: 1, forMs: 120_000, phase: 'before' });
    assert.equal((await api.get(path, 'validator-key')).status, 503);
    backend.clock.moveTo(130_000);
    assert.deepEqual(ids(await list()), ['t']);
    backend.faults.add({ service: 'firestore', code: 14, rate: 1, forMs: 120_000, phase: 'before' });
    backend.clock.moveTo(140_000);
    assert.deepEqual(ids(await list()), ['t']);
  });

  it('comes from memory also where older tasks cannot be read', async () => {
    let isDown = false;
    const { documents } = backend;
    const failing: OpenTaskFeedOptions['documents'] = {
      query: async (query, purpose) => {
        const isForOlder = query.filters.some(({ field, op }) => field === 'status' && op === '==');
        if (isDown && isForOlder) throw new DocumentError('unavailable', 'down');
        return documents.query(query, purpose);
      },
    };
    const own = await serve({ documents: failing, maxCompletedBytes: 2_500 });
    const long = { ...summarization, input_text: 'x'.repeat(400) };
    await completeAll(8, long);
    assert.deepEqual(ids(await list(own)), ['t7', 't6']);
    for (const id of ['t7', 't6', 't5', 't4']) await backend.write(evaluated(id, startMs + 50, 3));
    isDown = true;
    backend.clock.moveTo(10_000);
    assert.ok((await list(own)).length < 2);
    isDown = false;
    assert.deepEqual(ids(await list(own)), ['t3', 't2']);
  });

  it('has no task that the database may have deleted', async () => {
    await complete('t');
    const expiresAt = new Date(startMs + 20_000);
    const [found] = await backend.documents.read(['tasks/t'], 'test');
    const changes = [{ path: [ttlField], value: expiresAt }];
    await backend.documents.commit(
      [{ path: 'tasks/t', ifVersion: found?.version ?? 'absent', changes }],
      'test',
    );
    assert.deepEqual(ids(await list()), ['t']);
    backend.clock.moveTo(21_000);
    assert.deepEqual(await list(), []);
  });

  it('is an empty array where there is none, and for nobody but validators and readers', async () => {
    assert.deepEqual(await list(), []);
    for (const key of ['miner-key', 'ingest-key']) assert.equal((await api.get(path, key)).status, 403);
    assert.equal((await api.get(path, 'nobody')).status, 401);
    for (const key of ['read-key', 'proxy-key']) assert.equal((await api.get(path, key)).status, 200);
  });

  it('has the tasks that a validator evaluated beside it', async () => {
    const evaluatedBy = async (uid: number | string, key = 'validator-key') =>
      (await api.get(`/api/v1/validator/${uid}/evaluated_tasks`, key)).json['evaluated_tasks'];
    for (const id of ['a', 'b', 'c']) await complete(id);
    await backend.write(evaluated('a', startMs + 20, 3));
    assert.deepEqual(await evaluatedBy(3), ['a']);
    await backend.write(evaluated('b', startMs + 20, 3), evaluated('b', startMs + 20, 'unknown'));
    await backend.write(patched('c', startMs + 20, { status: 'approved' }));
    backend.clock.moveTo(10_000);
    assert.deepEqual([...((await evaluatedBy(3, 'validator-3-key')) as string[])].sort(), ['a', 'b']);
    assert.deepEqual(await evaluatedBy('unknown'), ['b']);
    assert.deepEqual(await evaluatedBy(4), []);
    assert.equal((await api.get('/api/v1/validator/4/evaluated_tasks', 'validator-3-key')).status, 403);
    assert.equal((await api.get('/api/v1/validator/x/evaluated_tasks', 'validator-key')).status, 400);
  });
});
