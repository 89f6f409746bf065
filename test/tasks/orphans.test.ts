import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { ResponseReceived, TaskEvent } from '../../functions/src/events/event.ts';
import { ttlField } from '../../functions/src/platform/documents.ts';
import { UnknownVersion } from '../../functions/src/platform/errors.ts';
import { maxResponsesPerTask } from '../../functions/src/tasks/limits.ts';
import { decodeTally, OrphanKeys, orphansObject } from '../../functions/src/tasks/orphanTally.ts';
import { regrouped } from '../support/arbitraries.ts';
import { startMs } from '../support/clock.ts';
import { created, patched, response } from '../support/events.ts';
import { memoryLogger } from '../support/logger.ts';
import { type Pipeline, type PipelineOptions, startPipeline } from '../support/pipeline.ts';
import { runs } from '../support/runs.ts';

const dayMs = 86_400_000;
const orphanMs = 50 * dayMs;

function ownAnswer(taskId: string, atMs: number, uid = 1, minerKey = 'm'): ResponseReceived {
  return { ...response(taskId, startMs + atMs, uid), minerKey };
}

/** The expiry of the task that these groups of events left, each flushed by itself. */
async function expiryAfter(
  groups: readonly (readonly TaskEvent[])[],
  options: PipelineOptions = {},
): Promise<number | undefined> {
  const pipeline = startPipeline(options);
  for (const group of groups) {
    await pipeline.accept(group);
    await pipeline.clock.advance(70_000);
  }
  return expiryOf(pipeline, 't');
}

function expiryOf({ documents }: Pipeline, taskId: string): number | undefined {
  const expiry = documents.fields(`tasks/${taskId}`)?.[ttlField];
  return expiry instanceof Date ? expiry.getTime() : undefined;
}

describe('a document that nothing but answers of miners’ keys made', () => {
  const answers = [ownAnswer('t', 10, 1), ownAnswer('t', 20, 2, 'other')];

  it('goes 50 days after the last of them, or sooner where tasks do', async () => {
    assert.equal(await expiryAfter([answers]), startMs + 20 + orphanMs);
    assert.equal(await expiryAfter(answers.map((each) => [each])), startMs + 20 + orphanMs);
    assert.equal(await expiryAfter([answers], { retentionMs: dayMs }), startMs + 20 + dayMs);
    assert.equal(await expiryAfter([answers], { retentionMs: 90 * dayMs }), startMs + 20 + orphanMs);
  });

  it('stays once it is created, however late, or as long as tasks do', async () => {
    const creation = [created('t', startMs + 5)];
    assert.equal(await expiryAfter([answers, creation]), undefined);
    assert.equal(
      await expiryAfter([answers, creation], { retentionMs: 90 * dayMs }),
      startMs + 20 + 90 * dayMs,
    );
  });

  it('is none where a proxy or an operator had a part in it', async () => {
    for (const event of [response('t', startMs, 9), patched('t', startMs, { priority: 1 })]) {
      assert.equal(await expiryAfter([[...answers, event]]), undefined);
      assert.equal(await expiryAfter([answers, [event]]), undefined);
      assert.equal(await expiryAfter([[event], answers]), undefined);
    }
  });

  it('is none where another system made it, or wrote into it since', async () => {
    for (const theirs of [{ theirs: 1 }, { task_id: 't' }]) {
      const adopted = startPipeline();
      adopted.documents.set('tasks/t', theirs);
      await adopted.accept(answers);
      await adopted.clock.advance(70_000);
      adopted.start();
      await adopted.accept([ownAnswer('t', 30, 3)]);
      await adopted.clock.advance(70_000);
      assert.equal(adopted.task('t')?.['response_count'], 3);
      assert.equal(expiryOf(adopted, 't'), undefined);
    }

    const touched = startPipeline();
    await touched.accept(answers);
    await touched.clock.advance(70_000);
    touched.documents.set('tasks/t', { ...touched.documents.fields('tasks/t'), theirs: 1 });
    await touched.accept([ownAnswer('t', 30, 3)]);
    await touched.clock.advance(70_000);
    assert.equal(expiryOf(touched, 't'), undefined);
  });

  it('goes or stays by its events, not by their order @slow', async () => {
    const some = fc.subarray<TaskEvent>(
      [
        ...answers,
        ownAnswer('t', 30, 3),
        ownAnswer('t', 5, 1, 'third'),
        { ...ownAnswer('t', 15, 4, 'sure'), countsUnassigned: true },
        { ...ownAnswer('t', 16, 5, 'sure'), countsUnassigned: true },
        response('t', startMs + 7, 1),
        created('t', startMs + 40),
        patched('t', startMs + 50, { assigned_miners: [3] }),
      ],
      { minLength: 1 },
    );
    const sure = { ...ownAnswer('t', 15, 4), countsUnassigned: true } as const;
    assert.equal(await expiryAfter([[sure], [ownAnswer('t', 16, 5)]]), startMs + 16 + orphanMs);
    const property = fc.asyncProperty(
      some.chain((events) => fc.tuple(fc.constant(events), regrouped(events))),
      async ([events, groups]) => assert.equal(await expiryAfter(groups), await expiryAfter([events])),
    );
    await fc.assert(property, runs(60));
  });

  it('has its bodies go with it, and keep once it is created', async () => {
    const pipeline = startPipeline();
    const object = 'bodies/responses/x';
    await pipeline.objects.connect().put(object, Buffer.from('1'), { customTimeMs: startMs });
    const { response_data: _, ...rest } = ownAnswer('t', 10).response;
    await pipeline.accept([{ ...ownAnswer('t', 10), response: { ...rest, body: { object, bytes: 1 } } }]);
    await pipeline.clock.advance(70_000);
    const untilMs = pipeline.objects.objects.get(object)?.customTimeMs ?? 0;
    assert(untilMs >= startMs + orphanMs && untilMs < startMs + orphanMs + dayMs, String(untilMs));
    await pipeline.accept([created('t', startMs)]);
    await pipeline.clock.advance(70_000);
    assert((pipeline.objects.objects.get(object)?.customTimeMs ?? 0) > startMs + 3_650 * dayMs);
  });
});

describe('a key that answers what nobody asked', () => {
  const maxPerKey = 20;
  let pipeline: Pipeline;
  let keys: OrphanKeys;
  beforeEach(() => {
    pipeline = startPipeline({ orphansPerKey: maxPerKey });
    keys = accepting();
  });

  function accepting(): OrphanKeys {
    const { clock, objects } = pipeline;
    return new OrphanKeys({ objects: objects.connect(), clock, logger: memoryLogger(), maxPerKey });
  }

  async function flush(events: readonly TaskEvent[]): Promise<void> {
    await pipeline.accept(events);
    await pipeline.clock.advance(70_000);
  }

  const orphans = (count: number, key = 'm', from = 0): ResponseReceived[] =>
    Array.from({ length: count }, (_, index) => ownAnswer(`o${from + index}`, index, 1, key));

  /** True where an instance that accepts answers refuses them from this key, as it learns within a minute. */
  async function isRefused(key: string): Promise<boolean> {
    keys.refusedUntilMs(key);
    await pipeline.clock.advance(30_000);
    keys.refusedUntilMs(key);
    await pipeline.clock.advance(1);
    return keys.refusedUntilMs(key) !== undefined;
  }

  it('is refused past so many tasks a day, and others are not', async () => {
    await flush([...orphans(maxPerKey - 1), ...orphans(3, 'honest', 100)]);
    assert.equal(await isRefused('m'), false);
    await flush(orphans(1, 'm', 50));
    assert.equal(await isRefused('m'), true);
    assert.equal(await isRefused('honest'), false);
    const untilMs = keys.refusedUntilMs('m') ?? 0;
    assert.equal(untilMs % dayMs, 0);
    await pipeline.clock.advance(untilMs - pipeline.clock.now());
    assert.equal(keys.refusedUntilMs('m'), undefined, 'a new day');
  });

  it('is not for a task that is created later, or that somebody else knows', async () => {
    await flush(orphans(maxPerKey - 1));
    await flush(Array.from({ length: 10 }, (_, index) => created(`o${index}`, startMs + 900)));
    await flush(orphans(10, 'm', 50));
    assert.equal(await isRefused('m'), false);
    const known = Array.from({ length: maxPerKey }, (_, index) => `known${index}`);
    await flush(known.flatMap((id) => [ownAnswer(id, 1), response(id, startMs, 2)]));
    assert.equal(await isRefused('m'), false);
  });

  it('is taken back when the tasks are created after all', async () => {
    await flush(orphans(maxPerKey));
    assert.equal(await isRefused('m'), true);
    await flush(orphans(maxPerKey).map(({ taskId }) => created(taskId, startMs + 900)));
    assert.equal(await isRefused('m'), false);
  });

  it('is taken back also by an instance that did not count it', async () => {
    await flush(orphans(maxPerKey));
    assert.equal(await isRefused('m'), true);
    pipeline.start();
    await flush(orphans(maxPerKey).map(({ taskId }) => created(taskId, startMs + 900)));
    assert.equal(await isRefused('m'), false);
  });

  it('counts a task once, however often the key answers it and however often that is delivered', async () => {
    for (let round = 0; round < 4; round += 1) {
      await flush(
        orphans(10).map((event) => ({ ...event, response: { ...event.response, miner_uid: round } })),
      );
      await flush(orphans(10));
    }
    assert.equal(await isRefused('m'), false);
  });

  it('is refused for answers that a task has no place for, where it answers for many miners', async () => {
    const answer = (index: number, key: string) => ownAnswer('t', index + 1, index, key);
    await flush([
      created('t', startMs),
      ...Array.from({ length: maxResponsesPerTask }, (_, index) => answer(index, 'm')),
    ]);
    // Somebody with a miner or two comes too late for that.
    await flush(Array.from({ length: maxPerKey }, (_, index) => answer(1_000 + index, `honest${index % 2}`)));
    assert.equal(pipeline.objects.names('dead-letters/').length, maxPerKey);
    for (const key of ['m', 'honest0', 'honest1']) assert.equal(await isRefused(key), false, key);
    await flush(Array.from({ length: maxPerKey }, (_, index) => answer(2_000 + index, 'm')));
    assert.equal(await isRefused('m'), true);
    assert.equal(await isRefused('honest0'), false);
  });

  it('is known to the instance that comes after', async () => {
    await flush(orphans(maxPerKey / 2));
    pipeline.start();
    await flush(orphans(maxPerKey / 2, 'm', 50));
    assert.equal(await isRefused('m'), true);
  });

  it('costs no more writes than parts of what it may', async () => {
    let puts = 0;
    pipeline.start((operation) => {
      if (operation.startsWith('objects.put')) puts += 1;
      return 'done';
    });
    for (let index = 0; index < maxPerKey; index += 1) await flush(orphans(1, 'm', index));
    assert.equal(puts, 10);
  });

  it('holds up no flush and refuses nobody while the bucket fails', async () => {
    pipeline.decide = (operation) => (operation.startsWith('objects.') ? 'failed' : 'done');
    await flush(orphans(maxPerKey));
    assert.equal(pipeline.task('o0')?.['response_count'], 1);
    assert.equal(pipeline.tasks.queued.size, 0);
    assert.equal(await isRefused('m'), false);
    pipeline.decide = () => 'done';
    await flush(orphans(1, 'm', 90));
    assert.equal(await isRefused('m'), true);
  });

  it('is looked up at most every 30 s, and never where there is no limit', async () => {
    let gets = 0;
    const { clock, objects } = pipeline;
    const connected = objects.connect((operation) => {
      if (operation.startsWith('objects.get')) gets += 1;
      return 'done';
    });
    const shared = { objects: connected, clock, logger: memoryLogger() };
    const unlimited = new OrphanKeys({ ...shared, maxPerKey: 0 });
    const limited = new OrphanKeys({ ...shared, maxPerKey });
    for (let second = 0; second < 120; second += 1) {
      unlimited.refusedUntilMs('m');
      await clock.advance(1_000);
    }
    assert.equal(gets, 0);
    for (let second = 0; second < 120; second += 1) {
      limited.refusedUntilMs('m');
      await clock.advance(1_000);
    }
    assert.equal(gets, 4);
    await flush(orphans(maxPerKey));
    await clock.advance(60_000);
    unlimited.refusedUntilMs('m');
    await clock.advance(1);
    assert.equal(unlimited.refusedUntilMs('m'), undefined);
  });

  it('leaves what another version wrote as it is', async () => {
    const other = Buffer.from('{"version":9}');
    await pipeline.objects.connect().put(orphansObject, other);
    await flush(orphans(maxPerKey));
    assert.deepEqual(pipeline.objects.objects.get(orphansObject)?.bytes, other);
    assert.equal(await isRefused('m'), false);
    for (const text of [
      '{"version":9}',
      '{"version":1,"day":5,"keys":{},"more":1}',
      '{"version":1,"keys":{}}',
      '{"version":2,"day":5,"keys":{}}',
    ]) {
      assert.throws(() => decodeTally(Buffer.from(text)), UnknownVersion, text);
    }
  });
});
