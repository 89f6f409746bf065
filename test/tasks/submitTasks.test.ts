import assert from 'node:assert/strict';
import { targetOf } from '../../functions/src/events/event.ts';
import { AppError } from '../../functions/src/platform/errors.ts';
import type { Answer } from '../support/http.ts';
import { type Ingest, startIngest } from '../support/ingest.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[48][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('POST /v1/tasks and PATCH /v1/tasks/{id}', () => {
  let ingest: Ingest;
  before(async () => {
    ingest = await startIngest();
  });
  after(() => ingest.close());
  beforeEach(() => ingest.stager.reset());

  const create = (task: object, headers: Record<string, string> = {}): Promise<Answer> =>
    ingest.post('/v1/tasks', task, { headers });
  const patch = (id: string, fields: object): Promise<Answer> =>
    ingest.post(`/v1/tasks/${id}`, fields, { method: 'PATCH' });

  const everything = {
    task_type: 'text_translation',
    status: 'pending',
    priority: 'high',
    source_language: 'en',
    target_language: 'de',
    model_id: 'm1',
    input_text: { text: 'hello', source_language: 'en', target_language: 'de' },
    input_file_id: 'f1',
    required_miner_count: 3,
    min_miner_count: 1,
    assigned_miners: [0, 5, 65_535],
    metadata: { any: ['thing', { at: 1 }] },
  };

  it('stages a creation with all its fields, under its own id', async () => {
    const answer = await create({ task_id: 'task-1', ...everything });
    assert.equal(answer.status, 202);
    assert.deepEqual(answer.json, { task_id: 'task-1', warnings: [] });
    const [event, ...others] = ingest.stager.events;
    assert.equal(others.length, 0);
    assert.match(event?.stamp ?? '', /^[0-9a-z]{21}$/);
    assert.deepEqual(
      { ...event, stamp: undefined },
      { kind: 'created', taskId: 'task-1', stamp: undefined, fields: everything, visibility: 'default' },
    );
  });

  it('gives a task without an id a random one', async () => {
    const [first, second, third] = [
      await create({ task_type: 'tts' }),
      await create({ task_type: 'tts', task_id: null }),
      await create({ task_type: 'tts', task_id: '' }),
    ];
    assert.match(String(first.json['task_id']), uuid);
    assert.notEqual(first.json['task_id'], second.json['task_id']);
    assert.match(String(third.json['task_id']), uuid);
  });

  it('makes the same task again for the same Idempotency-Key and caller, another for others', async () => {
    const make = async (idempotencyKey: string, key = 'ingest-key'): Promise<string> => {
      const options = { key, headers: { 'Idempotency-Key': idempotencyKey } };
      const { json } = await ingest.post('/v1/tasks', { task_type: 'tts' }, options);
      return String(json['task_id']);
    };
    const id = await make('order-1');
    assert.match(id, uuid);
    assert.equal(await make('order-1'), id);
    assert.notEqual(await make('order-2'), id);
    assert.notEqual(await make('order-1', 'admin-key'), id);
    assert.equal(ingest.stager.events[0] && targetOf(ingest.stager.events[0]), id);
    for (const bad of ['x'.repeat(256), 'a b']) {
      assert.equal((await create({ task_type: 'tts' }, { 'Idempotency-Key': bad })).status, 400);
    }
  });

  it('passes on how soon a task must be seen', async () => {
    for (const visibility of ['prompt', 'deferred', 'default']) {
      await ingest.post(`/v1/tasks?visibility=${visibility}`, { task_type: 'tts' });
      await ingest.post(`/v1/tasks/t?visibility=${visibility}`, { priority: 1 }, { method: 'PATCH' });
    }
    const said = ingest.stager.events.map((event) => ('visibility' in event ? event.visibility : undefined));
    assert.deepEqual(said, ['prompt', 'prompt', 'deferred', 'deferred', 'default', 'default']);
    assert.equal((await ingest.post('/v1/tasks?visibility=soon', { task_type: 'tts' })).status, 400);
  });

  it('stages the fields of a change', async () => {
    const fields = { status: 'assigned', assigned_miners: [4, 4, 2], metadata: {}, input_audio: null };
    const answer = await patch('task%3A1', fields);
    assert.equal(answer.status, 202);
    assert.deepEqual(answer.json, { task_id: 'task:1', warnings: [] });
    const [event] = ingest.stager.events;
    assert.equal(event?.kind, 'patched');
    assert.deepEqual(event?.fields, { ...fields, assigned_miners: [4, 2] });
  });

  it('goes without what is null or empty; inputs hold it', async () => {
    const empty = { status: null, priority: '', metadata: null, assigned_miners: '', model_id: null };
    const inputs = { input_text: '', input_file: null };
    const counts = { required_miner_count: null, min_miner_count: '' };
    await create({ task_type: 'tts', ...empty, ...inputs, ...counts });
    const [event] = ingest.stager.events;
    assert.equal(event?.kind, 'created');
    assert.deepEqual(event?.fields, { task_type: 'tts', ...inputs });
  });

  it('clears by a change what is null or empty; the task’s own id may be there', async () => {
    const fields = { priority: null, metadata: '', assigned_miners: null, model_id: null, input_text: '' };
    assert.equal((await patch('t', { task_id: null, priority: 1 })).status, 202);
    assert.equal((await patch('t', { task_id: 't', ...fields })).status, 202);
    const [, event] = ingest.stager.events;
    assert.equal(event?.kind, 'patched');
    assert.deepEqual(event?.fields, { ...fields, metadata: null });
  });

  it('refuses fields that are wrong, by name, in creations and changes', async () => {
    const wrong: [object, RegExp][] = [
      [{ 'input_X.y': 1 }, /Field "input_X\.y": a name has/],
      [{ task_type: 7 }, /task_type/],
      [{ status: 'done' }, /status: expected one of pending, .* got "done"/],
      [{ priority: 1.5 }, /priority/],
      [{ source_language: ['en'] }, /source_language: .* got a list/],
      [{ assigned_miners: 5 }, /assigned_miners/],
      [{ assigned_miners: [1, -1] }, /assigned_miners\[1\]/],
      [{ assigned_miners: ['1'] }, /assigned_miners\[0\]/],
      [{ metadata: [] }, /metadata: expected an object/],
      [{ input_text: JSON.parse(`${'['.repeat(21)}${']'.repeat(21)}`) }, /input_text: nests deeper/],
      [Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`input_${n}`, n])), /more than 64/],
    ];
    for (const [fields, detail] of wrong) {
      for (const answer of [await create({ task_type: 'tts', ...fields }), await patch('t', fields)]) {
        assert.equal(answer.status, 400, JSON.stringify(fields));
        assert.match(String(answer.json['detail']), detail);
      }
    }
    assert.deepEqual(ingest.stager.calls, []);
  });

  it('refuses a creation that cannot be', async () => {
    const wrong: [object, RegExp][] = [
      [{ task_type: undefined }, /task_type: expected a text of 1 to 256 characters, got nothing/],
      [{ task_type: null }, /task_type: expected a text of .*, got null/],
      [{ task_type: '' }, /task_type: expected a text/],
      [{ task_id: 'a/b' }, /task_id/],
      [{ task_id: 12 }, /task_id/],
      [{ task_id: '__id__' }, /task_id/],
      [{ required_miner_count: 0 }, /required_miner_count: expected an integer from 1 to 256/],
      [{ required_miner_count: 257 }, /required_miner_count/],
      [{ min_miner_count: 1.5 }, /min_miner_count/],
      [{ required_miner_count: 2, min_miner_count: 3 }, /min_miner_count is more/],
      [{ min_miner_count: 4 }, /min_miner_count is more/],
    ];
    for (const [fields, detail] of wrong) {
      const answer = await create({ task_type: 'tts', ...fields });
      assert.equal(answer.status, 400, JSON.stringify(fields));
      assert.match(String(answer.json['detail']), detail);
    }
    assert.deepEqual(ingest.stager.calls, []);
  });

  it('refuses a change that cannot be', async () => {
    const wrong: [string, object, RegExp][] = [
      ['t', {}, /no field/],
      ['t', { required_miner_count: 2 }, /fixed by the creation/],
      ['t', { min_miner_count: 1 }, /fixed by the creation/],
      ['t', { task_id: 't' }, /no field/],
      ['t', { task_id: 'u', priority: 1 }, /task_id: expected "t" as in the path, got "u"/],
      ['t', { task_type: null }, /task_type: expected a text/],
      ['t', { status: '' }, /status: expected one of/],
      ['t', { required_miner_count: null }, /required_miner_count/],
      ['a%2Fb', { priority: 1 }, /task_id/],
      ['__t__', { priority: 1 }, /task_id/],
    ];
    for (const [id, fields, detail] of wrong) {
      const answer = await patch(id, fields);
      assert.equal(answer.status, 400, id + JSON.stringify(fields));
      assert.match(String(answer.json['detail']), detail);
    }
    assert.deepEqual(ingest.stager.calls, []);
  });

  it('refuses fields that no task document would hold', async () => {
    const metadata = { text: 'x'.repeat(512 * 1024) };
    assert.equal((await create({ task_type: 'tts', metadata })).status, 413);
    assert.equal((await patch('t', { metadata })).status, 413);
    assert.deepEqual(ingest.stager.calls, []);
  });

  it('passes on that nothing is known to be kept', async () => {
    ingest.stager.failure = new AppError('unavailable', 'Repeat it.');
    assert.equal((await create({ task_type: 'tts' })).status, 503);
    assert.equal((await patch('t', { priority: 1 })).status, 503);
  });
});
