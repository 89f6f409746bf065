import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Event } from '../../functions/src/events/event.ts';
import { taskEvents } from '../support/arbitraries.ts';
import { startMs } from '../support/clock.ts';
import { created, patched, response } from '../support/events.ts';
import type { Fate } from '../support/fate.ts';
import { operation, operations } from '../support/operations.ts';
import { type Pipeline, startPipeline } from '../support/pipeline.ts';
import { runs } from '../support/runs.ts';

const hourMs = 3_600_000;
const prompt = { visibility: 'prompt' } as const;

/** Four answers to a task with a change, and three operations: each is news. */
function someOfEach(): Event[] {
  return [
    created('t', startMs),
    ...[1, 2, 3, 4].map((uid) => response('t', startMs + uid, uid)),
    patched('t', startMs + 9, { priority: 1 }),
    operation('things/a', startMs, 'set', { a: 1 }),
    operation('things/a', startMs + 1, 'update', { b: 2 }),
    operation('things/b', startMs, 'delete'),
  ];
}
const ofEach = { responses: 4, tasks: 1, changes: 1, operations: 3 };

/** The work but for carriers, of which a fault makes more. */
function written(pipeline: Pipeline): Record<string, number> {
  const { carriers: _, ...work } = pipeline.work();
  return work;
}

async function settle(pipeline: Pipeline): Promise<void> {
  await pipeline.clock.advance(3 * hourMs);
}

describe('the work that flushes count', () => {
  it('is what they wrote, and the carriers that they worked off', async () => {
    const pipeline = startPipeline();
    await pipeline.accept(someOfEach());
    await pipeline.tick();
    await pipeline.clock.advance(40_000);
    const carriers = pipeline.tasks.put.filter(({ queue }) => queue === 'flush');
    assert.deepEqual(pipeline.tasks.in('flush'), []);
    assert.deepEqual([pipeline.work(), carriers.length], [{ ...ofEach, carriers: 2 }, 2]);
  });

  it('counts once what is delivered thrice, sent again, and told by another instance', async () => {
    const pipeline = startPipeline();
    pipeline.tasks.copies = () => 3;
    await pipeline.accept(someOfEach());
    await pipeline.clock.advance(60_000);
    pipeline.start();
    await pipeline.accept(someOfEach());
    await settle(pipeline);
    assert.deepEqual(written(pipeline), ofEach);
  });

  it('counts once what fails at first', async () => {
    const pipeline = startPipeline();
    let failures = 3;
    pipeline.decide = (name) => {
      const isFailing = /documents.commit/.test(name) && failures > 0;
      if (isFailing) failures -= 1;
      return isFailing ? 'failed' : 'done';
    };
    await pipeline.accept(someOfEach());
    await settle(pipeline);
    assert.equal(failures, 0);
    assert.deepEqual(written(pipeline), ofEach);
  });

  it('counts nothing of which nobody knows that this flush wrote it: it may be less than what was written', async () => {
    const pipeline = startPipeline();
    let lost = 1;
    pipeline.decide = (name) => {
      if (!name.startsWith('documents.commit') || lost === 0) return 'done';
      lost -= 1;
      return 'lost';
    };
    await pipeline.accept([created('t', startMs, {}, prompt)]);
    await settle(pipeline);
    assert.ok(pipeline.task('t'));
    assert.deepEqual(written(pipeline), {});
  });

  it('counts no dead letter, no second answer of a miner and no operation that came too late', async () => {
    const pipeline = startPipeline();
    pipeline.documents.refuse = (path) => (path === 'things/bad' ? 'a bad value' : undefined);
    await pipeline.accept([
      operation('things/bad', startMs, 'set', { a: 1 }, prompt),
      response('t', startMs - 46 * 24 * hourMs, 7),
      { ...response('t', startMs, 8), taskId: '' },
      created('t', startMs + 5, { priority: 2 }, prompt),
      response('t', startMs + 1, 1),
      response('t', startMs + 2, 1, {}, 99),
      operation('things/a', startMs + 5, 'set', { a: 1 }, prompt),
      operation('things/a', startMs + 6, 'update', { 'a.b': 1 }, prompt),
    ]);
    await settle(pipeline);
    assert.deepEqual(written(pipeline), { responses: 1, tasks: 1, operations: 2 });
    await pipeline.accept([
      response('t', startMs + 3, 1),
      patched('t', startMs + 4, { priority: 1 }, prompt),
      operation('things/a', startMs + 4, 'set', { a: 0 }, prompt),
      operation('things/a', startMs + 5, 'update', { 'a.b': 0 }, { ...prompt, sequence: 1 }),
    ]);
    await settle(pipeline);
    assert.deepEqual(written(pipeline), { responses: 1, tasks: 1, operations: 2 });
  });

  it('counts a file as its document comes to say that it is stored', async () => {
    const pipeline = startPipeline();
    const file = (ms: number, status: string) =>
      operation('files/f', startMs + ms, 'set', { status, size: ms }, prompt);
    const seen: unknown[] = [];
    for (const event of [file(1, 'pending'), file(2, 'stored'), file(2, 'stored'), file(3, 'stored')]) {
      await pipeline.accept([event]);
      await pipeline.tick();
      seen.push(written(pipeline)['files']);
    }
    assert.deepEqual(seen, [undefined, 1, 1, 1]);
    assert.equal(pipeline.work()['operations'], undefined);
  });

  const fates: readonly Fate[] = ['done', 'done', 'done', 'failed', 'lost'];
  const drawn = fc.record({
    task: taskEvents('t'),
    document: operations('things/1'),
    cuts: fc.array(fc.nat(20), { maxLength: 4 }),
    fates: fc.array(fc.constantFrom(...fates), { maxLength: 12 }),
  });

  it('is never more than what there is, and exact where no answer is lost, in whatever groups it comes', async () => {
    await fc.assert(
      fc.asyncProperty(drawn, async ({ task, document, cuts, fates }) => {
        const pipeline = startPipeline();
        const left = fates.values();
        pipeline.decide = () => left.next().value ?? 'done';
        const events = [...task, ...document];
        const groups = [0, ...cuts.toSorted((a, b) => a - b), events.length];
        for (let round = 0; round < 2; round += 1) {
          for (const [index, from] of groups.entries()) {
            const group = events.slice(from, groups[index + 1]);
            if (group.length > 0) await pipeline.accept(group);
            await pipeline.tick();
          }
          await settle(pipeline);
          // Another instance, which remembers nothing.
          pipeline.start();
        }
        const { responses = 0, tasks = 0, changes = 0, operations: done = 0 } = written(pipeline);
        const answers = Object.keys((pipeline.task('t')?.['miner_responses'] ?? {}) as object).length;
        const patches = task.filter(({ kind }) => kind === 'patched').length;
        assert.ok(changes <= patches, `${changes} of ${patches} changes`);
        assert.equal(tasks <= 1, true);
        assert.ok(done <= document.length, `${done} of ${document.length} operations`);
        const sources = new Set(task.flatMap((event) => (event.kind === 'response' ? sourceOf(event) : [])));
        assert.ok(responses <= sources.size, `${responses} of ${sources.size} answers`);
        if (!fates.includes('lost')) assert.ok(responses >= answers, `${responses} of ${answers} shown`);
      }),
      runs(60),
    );
  });
});

/** The place of an answer in its task. */
function sourceOf(event: Extract<Event, { kind: 'response' }>): string {
  const countsAlways = event.minerKey === undefined || event.countsUnassigned === true;
  return `${countsAlways} ${event.response.miner_uid}`;
}
