import assert from 'node:assert/strict';
import type { TaskEvent } from '../../functions/src/events/event.ts';
import { StampSource } from '../../functions/src/events/stamp.ts';
import { replayLetter } from '../../functions/src/operator/deadLetters.ts';
import { type Fields, ttlField } from '../../functions/src/platform/documents.ts';
import { hashedText } from '../../functions/src/platform/hashedText.ts';
import { Outbox } from '../../functions/src/staging/outbox.ts';
import { orphanMs } from '../../functions/src/tasks/limits.ts';
import { openTaskOf } from '../../functions/src/tasks/minerTasks.ts';
import { startMs } from '../support/clock.ts';
import { crashAt } from '../support/crash.ts';
import { created, erased, response } from '../support/events.ts';
import { countingIds } from '../support/ids.ts';
import { type Ingest, startIngest } from '../support/ingest.ts';
import { memoryLogger } from '../support/logger.ts';
import { type Pipeline, startPipeline, tickMs } from '../support/pipeline.ts';
import { shownAfter } from '../support/storedTask.ts';

const words = 'words of miner seven';
const creation = created('t', startMs, { task_type: 'tts', required_miner_count: 2 });
const of8 = response('t', startMs + 10, 8, { accuracy_score: 0.1, hotkey: '5B' });
const of7 = response('t', startMs + 20, 7, { accuracy_score: 0.9, hotkey: '5A', response_data: { words } });
const erasure = erased('t', startMs + 30, 7);

/** All that the cloud holds, as text. */
function everything({ documents, objects, tasks }: Pipeline): string {
  const stored = documents.paths().map((path) => [path, readable(documents.fields(path))]);
  const kept = [...objects.objects].map(([name, { bytes }]) => [name, bytes.toString('utf8')]);
  return JSON.stringify([stored, kept, [...tasks.queued.values()]]);
}

/** Fields with their bytes as text. */
function readable(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, readable(inner)]));
}

async function flush(pipeline: Pipeline, ...events: TaskEvent[]): Promise<void> {
  await pipeline.accept(events);
  await pipeline.clock.advance(70_000);
}

const documentOf = ({ documents }: Pipeline): Fields => documents.fields('tasks/t') ?? {};

describe('an erasure', () => {
  it('takes the answer out of the task, which stays completed, and leaves the others as they are', async () => {
    const pipeline = startPipeline();
    await flush(pipeline, creation, of8, of7);
    const before = documentOf(pipeline);
    await flush(pipeline, erasure);
    const after = documentOf(pipeline);
    assert.equal(before['status'], 'completed');
    for (const name of ['status', 'completed_at', 'completion_reason', 'first_response_at'])
      assert.deepEqual(after[name], before[name], name);
    assert.equal(after['response_count'], 1);
    assert.deepEqual(after['best_response'], { miner_uid: 8, score: 0.1 });
    const { 8: other } = before['miner_responses'] as Fields;
    assert.deepEqual(after['miner_responses'], { 8: other });
    const text = everything(pipeline);
    assert.ok(!text.includes(words) && !text.includes('5A') && text.includes('5B'));
  });

  it('holds whatever comes again, or later, and in any order', async () => {
    const pipeline = startPipeline();
    const again = response('t', startMs + 5, 7, { response_data: { words }, hotkey: '5A' }, 70);
    const byKey = {
      ...response('t', startMs + 6, 7, { response_data: { words } }, 71),
      minerKey: 'key of 7',
    };
    await flush(pipeline, erasure);
    for (const event of [of7, creation, again, byKey, of8, of7]) await flush(pipeline, event);
    const other = startPipeline();
    await flush(other, creation, of7, of8, again, byKey, erasure);
    for (const each of [pipeline, other]) {
      assert.ok(!/words of|5A|key of 7/.test(everything(each)));
      assert.equal(documentOf(each)['response_count'], 1);
    }
    assert.deepEqual(pipeline.task('t'), other.task('t'));
  });

  it('of a task that nobody knows stays for the 50 days in which an answer to it may still come', async () => {
    const pipeline = startPipeline();
    const untilMs = (): number => Number(documentOf(pipeline)[ttlField]);
    await flush(pipeline, erasure);
    assert.equal(untilMs(), startMs + 30 + orphanMs);
    await flush(pipeline, erased('t', startMs + 90_000, 7), erased('t', startMs + 80_000, 8));
    assert.equal(untilMs(), startMs + 90_000 + orphanMs);
    await flush(pipeline, { ...of7, minerKey: 'key of 7' });
    assert.equal(untilMs(), startMs + 90_000 + orphanMs);
    await flush(pipeline, creation);
    assert.equal(documentOf(pipeline)[ttlField], undefined);
  });

  it('costs no write where it is repeated', async () => {
    const pipeline = startPipeline();
    await flush(pipeline, creation, of7, of8, erasure);
    const before = documentOf(pipeline);
    await flush(pipeline, erased('t', startMs + 40, 7), of7);
    assert.deepEqual(documentOf(pipeline), before);
  });

  it('of a hotkey leaves what another of the same uid sent, and keeps no hotkey', async () => {
    const pipeline = startPipeline();
    await flush(pipeline, creation, of7, of8, erased('t', startMs + 30, 7, '5other'));
    assert.deepEqual(Object.keys(documentOf(pipeline)['miner_responses'] as Fields), ['7', '8']);
    await flush(pipeline, erased('t', startMs + 31, 7, '5A'));
    assert.deepEqual(Object.keys(documentOf(pipeline)['miner_responses'] as Fields), ['8']);
    assert.ok(!/5other|5A/.test(everything(pipeline)));
  });

  it('deletes the bodies of answers in objects, also of those that come later or twice, whatever dies', async () => {
    const pipeline = startPipeline();
    const bodyOf = async (name: string, uid: number, ms: number): Promise<TaskEvent> => {
      const object = `bodies/responses/${name}`;
      const options = { customTimeMs: pipeline.clock.now() };
      await pipeline.objects.connect().put(object, Buffer.from(JSON.stringify(words)), options);
      return response('t', ms, uid, { body: { object, bytes: 9 } }, ms - startMs);
    };
    const [first, second] = [await bodyOf('first', 7, startMs + 1), await bodyOf('other', 8, startMs + 2)];
    await flush(pipeline, creation, first, second);
    crashAt(pipeline, (operation) => operation === 'documents.commit', 'died after');
    await pipeline.accept([erasure]);
    await pipeline.clock.advance(10_000);
    await pipeline.clock.advance(600_000);
    await flush(pipeline, await bodyOf('late', 7, startMs + 50));
    assert.deepEqual(pipeline.objects.names('bodies/responses/'), ['bodies/responses/other']);
  });

  it('holds for what a dead letter brings back', async () => {
    const pipeline = startPipeline();
    const { clock, objects, tasks } = pipeline;
    await flush(pipeline, creation, of8, {
      ...of7,
      stamp: response('t', startMs - 46 * 86_400_000, 7).stamp,
    });
    await flush(pipeline, erasure);
    const queues = { flush: tasks.connect('flush'), expire: tasks.connect('expire') };
    const shared = { objects: objects.connect(), clock, ids: countingIds('replay'), logger: memoryLogger() };
    const options = { ...shared, outbox: new Outbox({ ...shared, queues }), tickMs };
    const stamps = new StampSource(clock, 'instance');
    const [letter] = objects.json('dead-letters/');
    await replayLetter({ ...options, stamps, responseInlineMaxBytes: 65_536 }, String(letter?.['id']));
    await clock.advance(600_000);
    assert.ok(!everything(pipeline).includes(words));
  });

  it('counts as an answer where the deadline decides, as it did', () => {
    const deadline = {
      kind: 'deadline',
      taskId: 't',
      stamp: response('t', startMs + 3_600_000, 1).stamp,
    } as const;
    assert.equal(shownAfter(creation, of7, deadline)['status'], 'completed');
    assert.equal(shownAfter(creation, of7, deadline, erasure)['status'], 'completed');
  });

  it('leaves its miner one that has answered: it is not asked again for what would be emptied', async () => {
    const pipeline = startPipeline();
    const open = created('t', startMs, { required_miner_count: 3, assigned_miners: [6, 7, 8] });
    const answered = (): number[] => [...(openTaskOf('t', documentOf(pipeline))?.answered ?? [])].sort();
    await flush(pipeline, open, of7, of8);
    assert.deepEqual(answered(), [7, 8]);
    await flush(pipeline, erased('t', startMs + 30, 7, '5A'), erased('t', startMs + 31, 6));
    assert.deepEqual(answered(), [6, 7, 8]);
    await flush(pipeline, erased('t', startMs + 32, 9, '5other'));
    assert.deepEqual(answered(), [6, 7, 8], 'another hotkey of 9 may answer');
    const later = hashedText('{"v":5,"x":{"marks":["6"],"answers":[]}}');
    assert.deepEqual(
      [...(openTaskOf('t', { ...documentOf(pipeline), _sluice: later })?.answered ?? [])],
      [8],
    );
  });

  it('finds answers of documents that another system made', async () => {
    const pipeline = startPipeline();
    const answers = [7, 8].map((miner_uid) => ({
      miner_uid,
      response_data: words + miner_uid,
      hotkey: '5A',
    }));
    pipeline.documents.set('tasks/t', { status: 'pending', miner_responses: answers });
    await flush(pipeline, erasure, response('t', startMs + 60, 7, { response_data: words }));
    assert.deepEqual(Object.keys(documentOf(pipeline)['miner_responses'] as Fields), ['8']);
    assert.ok(!everything(pipeline).includes(`${words}7`));
  });
});

describe('POST /v1/erasures', () => {
  let ingest: Ingest;
  before(async () => {
    ingest = await startIngest();
  });
  after(() => ingest.close());
  beforeEach(() => ingest.stager.reset());

  it('stages an event for each task, with the hash of a hotkey', async () => {
    const body = { miner_uid: 7, hotkey: '5A', task_ids: ['a', 'b', 'a'] };
    const answer = await ingest.post('/v1/erasures', body, { key: 'admin-key' });
    assert.deepEqual([answer.status, answer.json], [202, { accepted: 2 }]);
    const [first] = ingest.stager.events;
    assert.deepEqual({ ...first, stamp: '' }, { ...erased('a', 0, 7, '5A'), stamp: '' });
  });

  it('is for admins, and refuses what names no miner or no task', async () => {
    const body = { miner_uid: 7, task_ids: ['a'] };
    for (const key of ['ingest-key', 'read-key', 'miner-key'])
      assert.equal((await ingest.post('/v1/erasures', body, { key })).status, 403, key);
    for (const bad of [
      { task_ids: ['a'] },
      { miner_uid: 7, task_ids: [] },
      { miner_uid: 7, task_ids: ['a/b'] },
      { ...body, x: 1 },
    ])
      assert.equal((await ingest.post('/v1/erasures', bad, { key: 'admin-key' })).status, 400);
    assert.equal(ingest.stager.events.length, 0);
  });
});
