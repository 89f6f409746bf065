import assert from 'node:assert/strict';
import type { TaskEvent } from '../../functions/src/events/event.ts';
import { sweepSpool } from '../../functions/src/staging/spool.ts';
import { startMs } from '../support/clock.ts';
import { cutOffAt } from '../support/crash.ts';
import { created, patched, response } from '../support/events.ts';
import type { Fate } from '../support/fate.ts';
import { memoryLogger } from '../support/logger.ts';
import { keysIn, type Pipeline, startPipeline } from '../support/pipeline.ts';

const hourMs = 3_600_000;
const taskIds = ['ready', 'waits', 'open', 'bad'];

/** Two carriers that make a flush do all it can: write, wait, book a deadline, keep a body, refuse an event. */
async function accept(pipeline: Pipeline): Promise<void> {
  const object = 'bodies/responses/1';
  await pipeline.objects.connect().put(object, Buffer.from('"body"'), { customTimeMs: startMs });
  const first: TaskEvent[] = [
    created('ready', startMs),
    response('ready', startMs + 1, 1, { body: { object, bytes: 6 } }),
    response('ready', startMs + 2, 2),
    response('waits', startMs + 3, 1),
    patched('bad', startMs + 4, { priority: 1 }, { visibility: 'prompt' }),
  ];
  const second: TaskEvent[] = [
    response('ready', startMs + 5, 3),
    created('open', startMs + 6, {}, { visibility: 'prompt' }),
    response('waits', startMs + 7, 2),
    response('ready', startMs + 8, 3),
  ];
  await pipeline.accept(first);
  await pipeline.accept(second);
}

function start(): Pipeline {
  const pipeline = startPipeline();
  pipeline.documents.refuse = (path) => (path === 'tasks/bad' ? 'a bad value' : undefined);
  return pipeline;
}

/** Lets two hours pass, with the sweeps that matter. */
async function settle(pipeline: Pipeline): Promise<void> {
  const { tasks, objects } = pipeline;
  const queues = { flush: tasks.connect('flush'), expire: tasks.connect('expire') };
  for (const waitMs of [60_000, 60_000, 60_000, 2 * hourMs, 60_000]) {
    await pipeline.clock.advance(waitMs);
    await sweepSpool({ objects: objects.connect(), queues, clock: pipeline.clock, logger: memoryLogger() });
  }
  await pipeline.clock.advance(60_000);
}

function outcome(pipeline: Pipeline) {
  const { objects, tasks } = pipeline;
  const letters = objects.json('dead-letters/').map(({ reason, event }) => ({ reason, event }));
  return {
    tasks: taskIds.map((id) => pipeline.task(id)),
    letters,
    bodyUntil: objects.customTimeMs('bodies/responses/1'),
    spool: objects.names('spool/'),
    queued: tasks.queued.size,
  };
}

describe('a flush that is cut off at any of its calls', () => {
  let clean: ReturnType<typeof outcome>;
  let cleanPuts = 0;
  const calls: string[] = [];

  before(async () => {
    const pipeline = start();
    pipeline.start((operation) => {
      calls.push(operation);
      return 'done';
    });
    await accept(pipeline);
    await settle(pipeline);
    clean = outcome(pipeline);
    cleanPuts = pipeline.tasks.put.length;
  });

  it('does, uncut, what there is to do', () => {
    assert.deepEqual(
      clean.tasks.map((task) => task?.['status']),
      ['completed', 'in_progress', 'failed', undefined],
    );
    assert.deepEqual(
      clean.letters.map(({ reason }) => reason),
      ['refused_by_firestore'],
    );
    assert.ok((clean.bodyUntil ?? 0) > startMs);
    for (const kind of ['documents.commit', 'tasks.put flush', 'tasks.put expire', 'objects.setCustomTime']) {
      assert.ok(
        calls.some((call) => call.startsWith(kind)),
        kind,
      );
    }
  });

  const fates: Fate[] = ['died before', 'died after', 'failed', 'lost'];
  for (const fate of fates) {
    it(`ends the same, with at most a copy more for each redelivery: ${fate}`, async () => {
      for (const at of calls.keys()) {
        const pipeline = start();
        cutOffAt(pipeline, at, fate);
        await accept(pipeline);
        await settle(pipeline);
        const what = `${fate} at call ${at}, ${calls[at]}`;
        assert.deepEqual(outcome(pipeline), clean, what);
        const more = pipeline.tasks.put.length - cleanPuts;
        // One for each time at which events of the redelivered carriers are due, and the deadline's.
        assert.ok(more <= 4, `${more} more carriers: ${what}`);
      }
    });
  }
});

describe('carrying does not multiply', () => {
  const waiting = (): TaskEvent[] => [
    response('t', startMs, 1),
    response('t', startMs, 2),
    response('u', startMs, 1),
  ];

  /** The events in each carrier that waits. */
  const queued = ({ tasks, objects }: Pipeline): Promise<string[][]> =>
    Promise.all(tasks.in('flush').map(({ data }) => keysIn(data, objects)));

  it('the same set carried five times in a row stays one carrier with each event once', async () => {
    const pipeline = startPipeline();
    await pipeline.accept(waiting());
    await pipeline.accept(waiting());
    for (let time = 0; time < 5; time += 1) {
      await pipeline.tick();
      const carriers = await queued(pipeline);
      assert.equal(carriers.length, 1);
      assert.equal(carriers[0]?.length, 3);
      assert.equal(new Set(carriers[0]).size, 3);
    }
  });

  it('copies meet again and become one', async () => {
    const pipeline = startPipeline();
    for (let copy = 0; copy < 5; copy += 1) await pipeline.accept(waiting());
    pipeline.tasks.copies = () => 3;
    await pipeline.tick();
    pipeline.tasks.copies = () => 1;
    await pipeline.tick();
    assert.deepEqual(
      (await queued(pipeline)).map(({ length }) => length),
      [3],
    );
  });

  it('the same carriers with another rest write each event once, and one copy of what waits stays', async () => {
    const pipeline = startPipeline();
    await pipeline.accept(waiting());
    await pipeline.tick();
    await pipeline.accept([...waiting(), response('t', startMs, 3)]);
    await pipeline.tick();
    assert.deepEqual(pipeline.documents.commits, [['tasks/t']]);
    assert.deepEqual(
      (await queued(pipeline)).map(({ length }) => length),
      [3, 1],
    );
    await pipeline.clock.advance(60_000);
    assert.deepEqual(pipeline.documents.commits, [['tasks/t'], ['tasks/u']]);
    assert.deepEqual(await queued(pipeline), []);
  });
});
