import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { TaskEvaluated, TaskEvent } from '../../functions/src/events/event.ts';
import { type Fields, ttlField } from '../../functions/src/platform/documents.ts';
import { documentBytes } from '../../functions/src/platform/values.ts';
import { storeLargeBodies } from '../../functions/src/staging/bodies.ts';
import { maxEvaluationsPerTask, maxTaskDocumentBytes, orphanMs } from '../../functions/src/tasks/limits.ts';
import { presentWholeTask } from '../../functions/src/tasks/present.ts';
import { regrouped } from '../support/arbitraries.ts';
import { startMs } from '../support/clock.ts';
import { created, evaluated, patched, response } from '../support/events.ts';
import { countingIds } from '../support/ids.ts';
import { type Pipeline, startPipeline } from '../support/pipeline.ts';
import { runs } from '../support/runs.ts';
import { shown, shownAfter, stored, storedAfter } from '../support/storedTask.ts';

const never = Date.UTC(2200, 0, 1);
const creation = created('t', startMs, { task_type: 'tts', required_miner_count: 1 });
const answer = response('t', startMs + 10, 7);

/** An evaluation as ingest stages it, with its data in an object where that is large. */
async function staged(pipeline: Pipeline, event: TaskEvaluated): Promise<TaskEvent[]> {
  const { clock, objects } = pipeline;
  const ids = countingIds(`evaluation-${event.stamp}`);
  const options = { clock, ids, objects: objects.connect(), responseInlineMaxBytes: 65_536 };
  return (await storeLargeBodies([event], options)) as TaskEvent[];
}

function evaluationsIn(document: Fields | undefined): Record<string, Fields> {
  return (document?.['evaluations'] ?? {}) as Record<string, Fields>;
}

async function flush(pipeline: Pipeline, ...events: TaskEvent[]): Promise<void> {
  await pipeline.accept(events);
  await pipeline.clock.advance(70_000);
}

/** The task as GET answers it. */
function whole({ documents, objects }: Pipeline) {
  return presentWholeTask('t', documents.fields('tasks/t') ?? {}, objects.connect());
}

describe('an evaluation', () => {
  it('approves its task, by its stamp', () => {
    const at = (ms: number) => evaluated('t', startMs + ms, 3);
    assert.equal(shownAfter(creation, answer)['status'], 'completed');
    const approved = shownAfter(creation, answer, at(20));
    assert.equal(approved['status'], 'approved');
    assert.equal(approved['completed_at'], new Date(startMs + 10).toISOString());
    assert.equal(approved['updated_at'], new Date(startMs + 20).toISOString());
    const cancelled = patched('t', startMs + 30, { status: 'cancelled' });
    assert.equal(shownAfter(creation, at(20), cancelled)['status'], 'cancelled');
    assert.equal(shownAfter(creation, at(40), cancelled)['status'], 'approved');
    assert.equal(
      shownAfter(creation, at(40), patched('t', startMs + 50, { status: 'completed' }))['status'],
      'approved',
    );
  });

  it('is shown under its validator, of whose several the latest counts', () => {
    const events = [3, 'unknown' as const, 3].map((uid, index) =>
      evaluated('t', startMs + 20 + index, uid, { evaluation_data: { round: index, grid: [[1]] } }),
    );
    for (const order of [events, events.toReversed()]) {
      assert.deepEqual(shownAfter(creation, ...order)['evaluations'], {
        3: {
          validator_uid: 3,
          received_at: new Date(startMs + 22).toISOString(),
          evaluation_data: { round: 2, grid: [[1]] },
        },
        unknown: {
          validator_uid: 'unknown',
          received_at: new Date(startMs + 21).toISOString(),
          evaluation_data: { round: 1, grid: [[1]] },
        },
      });
    }
  });

  it('of a task of many is one of the latest, or a dead letter', async () => {
    const pipeline = startPipeline();
    const all = Array.from({ length: maxEvaluationsPerTask + 2 }, (_, uid) =>
      evaluated('t', startMs + 100 + uid, uid),
    );
    await flush(pipeline, creation, answer, ...all.slice(1), evaluated('t', startMs + 20, 0));
    const earlier = pipeline.objects.json('dead-letters/');
    assert.deepEqual(
      earlier.map(({ reason, event }) => [reason, (event as TaskEvaluated).evaluation.validator_uid]).sort(),
      [
        ['too_many_evaluations', 0],
        ['too_many_evaluations', 1],
      ],
    );
    assert.equal(
      Object.keys(evaluationsIn(pipeline.documents.fields('tasks/t'))).length,
      maxEvaluationsPerTask,
    );
    await flush(pipeline, evaluated('t', startMs + 1_000, 0));
    assert.ok('0' in evaluationsIn(pipeline.documents.fields('tasks/t')));
    assert.ok(!('2' in evaluationsIn(pipeline.documents.fields('tasks/t'))));
    assert.equal(pipeline.objects.json('dead-letters/').length, 3);
  });

  it('of too many is the same in any order and grouping', () => {
    const many = fc
      .array(fc.tuple(fc.integer({ min: 0, max: 80 }), fc.integer({ min: 0, max: 500 })), {
        minLength: 80,
        maxLength: 120,
      })
      .map((drawn) =>
        drawn.map(([uid, at], sequence) => evaluated('t', startMs + at, uid, undefined, sequence)),
      );
    fc.assert(
      fc.property(
        many.chain((events) => fc.tuple(fc.constant(events), regrouped(events))),
        ([events, groups]) => {
          const thirds = [groups.slice(0, 10).flat(), groups.slice(10, 30).flat(), groups.slice(30).flat()];
          const one = shown('t', storedAfter('t', [[creation, ...events]], 'last'));
          assert.deepEqual(shown('t', storedAfter('t', [...thirds, [creation]], 'last')), one);
        },
      ),
      runs(30),
    );
  });

  it('costs neither a write nor a wait where it is known', async () => {
    const pipeline = startPipeline();
    const now = patched('t', startMs + 20, { priority: 1 }, { visibility: 'prompt', sequence: 9 });
    await pipeline.accept([creation, answer, evaluated('t', startMs + 20, 3), now]);
    await pipeline.tick();
    const { writes } = pipeline.documents;
    await pipeline.accept([evaluated('t', startMs + 20, 3), evaluated('t', startMs + 15, 3)]);
    const carriers = pipeline.tasks.put.length;
    await pipeline.tick();
    assert.equal(pipeline.tasks.put.length, carriers, 'nothing is put back');
    assert.equal(pipeline.documents.writes, writes);
  });

  it('of a task that nobody created waits for it in a document that goes after 50 days', async () => {
    const pipeline = startPipeline();
    await flush(pipeline, evaluated('t', startMs + 20, 3));
    const document = pipeline.documents.fields('tasks/t');
    assert.deepEqual(document?.[ttlField], new Date(startMs + 20 + orphanMs));
    await flush(pipeline, { ...answer, minerKey: 'm' });
    assert.ok(pipeline.documents.fields('tasks/t')?.[ttlField] !== undefined);
    await flush(pipeline, creation);
    const after = pipeline.documents.fields('tasks/t');
    assert.equal(after?.[ttlField], undefined);
    assert.equal(after?.['status'], 'approved');
    assert.deepEqual(Object.keys(evaluationsIn(after)), ['3']);
  });
});

describe('evaluations of another system', () => {
  const legacy: Fields = {
    task_type: 'tts',
    status: 'completed',
    created_at: new Date(startMs - 1_000),
    miner_responses: {},
    evaluations: { 12: { score: 0.7, at: new Date(startMs) }, 13: 0.5 },
  };

  it('stay as they are beside those that Sluice accepts, until their validator sends another', () => {
    const first = stored('t', legacy, [evaluated('t', startMs + 20, 3)]);
    assert.equal(first?.['status'], 'approved');
    assert.deepEqual(evaluationsIn(first)['12'], { score: 0.7, at: new Date(startMs) });
    assert.equal(evaluationsIn(first)['13'], 0.5);
    assert.deepEqual(evaluationsIn(first)['3']?.['evaluation_data'], { score: 1 });
    const second = stored('t', first, [evaluated('t', startMs + 30, 12)]);
    assert.deepEqual(evaluationsIn(second)['12']?.['evaluation_data'], { score: 1 });
    assert.deepEqual(Object.keys(evaluationsIn(second)).sort(), ['12', '13', '3']);
  });

  it('may be under a name that every object has', () => {
    const document = { ...legacy, evaluations: { constructor: { score: 0.7 }, 13: 0.5 } };
    const after = stored('t', document, [evaluated('t', startMs + 20, 3)]);
    assert.deepEqual(Object.keys(evaluationsIn(after)).sort(), ['13', '3', 'constructor']);
    assert.deepEqual(evaluationsIn(after)['constructor'], { score: 0.7 });
  });

  it('in a list become a map', () => {
    const listed = { ...legacy, evaluations: [{ validator_uid: 5, score: 1 }] };
    const after = stored('t', listed, [evaluated('t', startMs + 20, 3)]);
    assert.deepEqual(evaluationsIn(after)['5'], { validator_uid: 5, score: 1 });
    assert.deepEqual(Object.keys(evaluationsIn(after)), ['3', '5']);
  });

  it('keep a document that nobody created', async () => {
    const pipeline = startPipeline();
    await flush(pipeline, evaluated('t', startMs, 3));
    const orphan = pipeline.documents.fields('tasks/t');
    assert.ok(orphan?.[ttlField] !== undefined);
    const evaluations = { ...evaluationsIn(orphan), 9: { score: 1 } };
    pipeline.documents.set('tasks/t', { ...orphan, evaluations });
    await flush(pipeline, evaluated('t', startMs + 10, 4));
    const after = pipeline.documents.fields('tasks/t');
    assert.deepEqual(Object.keys(evaluationsIn(after)).sort(), ['3', '4', '9']);
    assert.equal(after?.[ttlField], undefined);
  });
});

describe('a large evaluation', () => {
  const data = { speech: 'A'.repeat(2_000_000) };
  const large = evaluated('t', startMs + 20, 3, { evaluation_data: data });

  it('is kept in an object, put together by GET, and let go once another takes its place', async () => {
    const pipeline = startPipeline();
    const [event] = await staged(pipeline, large);
    assert.ok(event);
    const [object = ''] = pipeline.objects.names('bodies/');
    assert.equal(pipeline.objects.customTimeMs(object), startMs);
    await flush(pipeline, creation, answer, event);
    assert.equal(pipeline.objects.customTimeMs(object), never);
    const listed = pipeline.task('t')?.['evaluations'] as Record<string, Fields>;
    assert.deepEqual(listed['3']?.['evaluation_body'], { bytes: 2_000_013 });
    const { evaluations } = (await whole(pipeline)) as { evaluations: Record<string, Fields> };
    assert.deepEqual(evaluations['3'], {
      validator_uid: 3,
      received_at: new Date(startMs + 20).toISOString(),
      evaluation_data: data,
    });
    await flush(pipeline, evaluated('t', startMs + 30, 3));
    assert.deepEqual(pipeline.objects.names('bodies/'), []);
    // An older one that comes late is garbage from its upload on.
    await flush(
      pipeline,
      ...(await staged(pipeline, evaluated('t', startMs + 25, 3, { evaluation_data: data }))),
    );
    assert.equal(pipeline.objects.names('bodies/').length, 1);
    assert.ok((pipeline.objects.customTimeMs(pipeline.objects.names('bodies/')[0] ?? '') ?? never) < never);
  });

  it('is inside the dead letter that it becomes', async () => {
    const pipeline = startPipeline();
    const others = Array.from({ length: maxEvaluationsPerTask }, (_, uid) =>
      evaluated('t', startMs + 100 + uid, 100 + uid),
    );
    await flush(pipeline, creation, ...(await staged(pipeline, large)), ...others);
    const [letter] = pipeline.objects.json('dead-letters/');
    assert.deepEqual((letter?.['event'] as TaskEvaluated | undefined)?.evaluation.evaluation_data, data);
  });

  it('moves out of a document that would be too large', async () => {
    const pipeline = startPipeline();
    const sized = (uid: number) => ({ evaluation_data: `${uid} ${'x'.repeat(60_000)}` });
    const uids = Array.from({ length: 30 }, (_, uid) => uid);
    await flush(pipeline, creation, answer);
    for (const uid of uids) await pipeline.accept([evaluated('t', startMs + 20 + uid, uid, sized(uid))]);
    await pipeline.clock.advance(70_000);
    assert.deepEqual(pipeline.objects.json('dead-letters/'), []);
    const document = pipeline.documents.fields('tasks/t') ?? {};
    assert.ok(documentBytes('tasks/t', document) <= maxTaskDocumentBytes);
    const { evaluations } = (await whole(pipeline)) as { evaluations: Record<string, Fields> };
    assert.deepEqual(
      Object.fromEntries(Object.entries(evaluations).map(([uid, each]) => [uid, each['evaluation_data']])),
      Object.fromEntries(uids.map((uid) => [uid, sized(uid).evaluation_data])),
    );
    for (const name of pipeline.objects.names('bodies/')) {
      assert.equal(pipeline.objects.customTimeMs(name), never);
    }
  });
});
