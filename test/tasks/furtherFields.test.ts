import assert from 'node:assert/strict';
import { taskDocument } from '../../functions/src/tasks/document.ts';
import { openTaskOf } from '../../functions/src/tasks/minerTasks.ts';
import { emptyTask } from '../../functions/src/tasks/state.ts';
import { startMs } from '../support/clock.ts';
import { created, patched } from '../support/events.ts';
import type { Answer } from '../support/http.ts';
import { type Ingest, startIngest } from '../support/ingest.ts';
import { shown, stored } from '../support/storedTask.ts';

/** Fields as proxies have them that no route knows by name. */
const further = {
  language: 'en',
  voice_name: 'Ann',
  speaker_wav_url: 'https://example.com/a.wav',
  task_assignments: { '7': ['a', { at: 1 }] },
  user_id: 12,
  source: ['web'],
  callback: false,
  V2: 0,
};

describe('further fields of a task', () => {
  let ingest: Ingest;
  before(async () => {
    ingest = await startIngest();
  });
  after(() => ingest.close());
  beforeEach(() => ingest.stager.reset());

  const create = (fields: object): Promise<Answer> =>
    ingest.post('/v1/tasks', { task_id: 't', task_type: 'tts', ...fields });
  const patch = (fields: object): Promise<Answer> => ingest.post('/v1/tasks/t', fields, { method: 'PATCH' });
  const setStatus = (fields: object): Promise<Answer> =>
    ingest.post('/v1/tasks/t/status', { status: 'assigned', ...fields });
  const line = (fields: object): Promise<Answer> =>
    ingest.send('/v1/events', `${JSON.stringify(fields)}\n`, 'application/x-ndjson');
  const staged = () => ingest.stager.events.map((event) => ('fields' in event ? event.fields : {}));

  it('are accepted under their own names wherever fields are', async () => {
    const answers = [
      await create(further),
      await patch(further),
      await setStatus(further),
      await line({ type: 'task', task_id: 't', task_type: 'tts', ...further }),
      await line({ type: 'fields', task_id: 't', ...further }),
    ];
    assert.deepEqual(
      answers.map(({ status }) => status),
      [202, 202, 202, 202, 202],
    );
    const made = { task_type: 'tts', ...further };
    assert.deepEqual(staged(), [made, further, { status: 'assigned', ...further }, made, further]);
  });

  it('are no value in a creation where they are null or empty, and cleared by such a change', async () => {
    const empty = { language: null, voice_name: '', user_id: 0, callback: false };
    await create(empty);
    await patch(empty);
    assert.deepEqual(staged(), [
      { task_type: 'tts', user_id: 0, callback: false },
      { language: null, voice_name: null, user_id: 0, callback: false },
    ]);
  });

  const refused = async (fields: object, detail: RegExp): Promise<void> => {
    for (const answer of [await create(fields), await patch(fields), await setStatus(fields)]) {
      assert.equal(answer.status, 400, JSON.stringify(fields));
      assert.match(String(answer.json['detail']), detail);
    }
    assert.deepEqual(ingest.stager.calls, []);
  };

  it('have none of the names that Sluice derives or keeps, however they are written', async () => {
    const settable = new Set(['task_id', 'status', 'required_miner_count', 'min_miner_count']);
    const document = taskDocument(emptyTask('t'), { retentionMs: 1 });
    const derived = Object.keys(document).filter((name) => !settable.has(name));
    assert.ok(derived.includes('sluice_expires_at') && derived.includes('_sluice'));
    const others = [
      ...['written_at', 'evaluations', 'superseded_responses', 'expires_at', '_x', 'sluice_x', 'Sluice_X'],
      ...['createdAt', 'CREATED_AT', 'bestResponse', 'type', 'stamp', 'visibility'],
      ...Object.getOwnPropertyNames(Object.prototype),
    ];
    for (const name of [...derived, ...others]) {
      await refused(Object.fromEntries([[name, 1]]), /this name is Sluice’s own; it cannot be set/);
    }
  });

  it('cannot be mistaken for known ones, and have plain names', async () => {
    await refused({ taskType: 'tts' }, /Field "taskType": write task_type/);
    await refused({ Priority: 1 }, /write priority/);
    await refused({ assignedminers: [1] }, /write assigned_miners/);
    await refused({ inputText: 'a' }, /write input_text/);
    for (const name of ['a.b', 'a-b', '7', '', 'ä', 'a b', 'a'.repeat(65)])
      await refused({ [name]: 1 }, /a name has 1 to 64 characters/);
  });

  it('are so many together with the inputs, and nest no deeper than others', async () => {
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`f${n}`, n]));
    assert.equal((await patch({ ...many(32), input_a: 1 })).status, 202);
    ingest.stager.reset();
    await refused({ ...many(64), input_a: 1 }, /more than 64 input_ and further fields/);
    await refused({ deep: JSON.parse(`${'['.repeat(21)}${']'.repeat(21)}`) }, /deep: nests deeper/);
    const large = await patch({ note: 'x'.repeat(512 * 1024) });
    assert.equal(large.status, 413);
  });

  it('are shown to readers and miners', () => {
    const document = stored('t', undefined, [created('t', startMs, { task_type: 'tts', ...further })]) ?? {};
    const { view } = openTaskOf('t', document) ?? {};
    for (const [name, value] of Object.entries(further)) {
      assert.deepEqual(shown('t', document)?.[name], value);
      assert.deepEqual(view?.[name], value);
    }
  });

  it('take the place of what another system kept under such a name, and leave the others', () => {
    const legacy = { task_type: 'tts', status: 'pending', language: 'en', constructor: 'kept', voice: 'Ann' };
    const after = stored('t', legacy, [patched('t', startMs, { language: 'de' })]);
    assert.equal(after?.['language'], 'de');
    assert.equal(after?.['voice'], 'Ann');
    assert.equal(after?.['constructor'], 'kept');
    assert.equal(stored('t', after, [patched('t', startMs - 1, { language: 'fr' })]), after);
  });
});
