import assert from 'node:assert/strict';
import fc from 'fast-check';
import { endPause, pauseUntil, resumeIfDue } from '../../functions/src/operator/pause.ts';
import type { ObjectStore } from '../../functions/src/platform/objects.ts';
import type { QueueControl } from '../../functions/src/platform/queueControl.ts';
import { Outbox } from '../../functions/src/staging/outbox.ts';
import { expireHandler } from '../../functions/src/tasks/expire.ts';
import { ManualClock, startMs } from '../support/clock.ts';
import { allDone, type Decide, meet } from '../support/fate.ts';
import { countingIds } from '../support/ids.ts';
import { memoryLogger } from '../support/logger.ts';
import { MemoryObjects } from '../support/objects.ts';
import { runs } from '../support/runs.ts';
import { MemoryTasks } from '../support/tasks.ts';

const hourMs = 3_600_000;
const tickMs = 5_000;

/** The queue `flush`, of which only its state matters here, and whoever pauses it. */
class Scene {
  readonly clock = new ManualClock();
  readonly objects = new MemoryObjects(this.clock);
  readonly tasks = new MemoryTasks(this.clock);
  isPaused = false;
  /** The lag of the clock of the instance behind `expire`. */
  lagMs = 0;

  constructor() {
    const own = { now: () => this.clock.now() - this.lagMs } as ManualClock;
    const { outbox } = this.options();
    const handle = expireHandler({
      ...{ outbox, clock: own, tickMs },
      endPause: (untilMs) => resumeIfDue({ ...this.options(), clock: own }, Math.max(own.now(), untilMs)),
    });
    this.tasks.deliver = (task, dispatch) =>
      handle({ data: dispatch.data, retryCount: task.retryCount } as never);
  }

  options(decide: Decide = allDone, order: <T>(call: () => Promise<T>) => Promise<T> = (call) => call()) {
    const { clock, tasks } = this;
    const logger = memoryLogger();
    const set = (name: string, isPaused: boolean) =>
      order(() =>
        meet(
          decide(name),
          () => {
            this.isPaused = isPaused;
          },
          () => new Error('down'),
        ),
      );
    const queueControl = {
      pause: () => set('pause', true),
      resume: () => set('resume', false),
    } as QueueControl;
    const bucket = this.objects.connect(decide);
    const objects: ObjectStore = {
      ...bucket,
      get: (name) => order(() => bucket.get(name)),
      put: (...parts) => order(() => bucket.put(...parts)),
    };
    const queues = { flush: tasks.connect('flush', decide), expire: tasks.connect('expire', decide) };
    const outbox = new Outbox({ queues, objects, clock, ids: countingIds(), logger });
    return { objects, queueControl, outbox, clock, logger };
  }
}

describe('a pause of the queue', () => {
  let scene: Scene;

  beforeEach(() => {
    scene = new Scene();
  });

  it('ends on time by a task of its own, however seldom sweep runs', async () => {
    await pauseUntil(scene.options(), startMs + hourMs);
    assert.deepEqual(
      scene.tasks.put.map(({ queue, dueMs }) => [queue, dueMs - startMs]),
      [['expire', hourMs]],
    );
    await scene.clock.advance(hourMs - 1);
    assert.equal(scene.isPaused, true);
    await scene.clock.advance(1);
    assert.equal(scene.isPaused, false);
    assert.equal(scene.tasks.queued.size, 0);
  });

  it('ends on time also where the clock of the instance is behind', async () => {
    scene.lagMs = 1_500;
    await pauseUntil(scene.options(), startMs + hourMs);
    await scene.clock.advance(hourMs);
    assert.equal(scene.isPaused, false);
  });

  it('is not ended by the task of an earlier one, nor begun anew by that of a pause that was ended by hand', async () => {
    await pauseUntil(scene.options(), startMs + hourMs);
    await pauseUntil(scene.options(), startMs + 3 * hourMs);
    await scene.clock.advance(2 * hourMs);
    assert.equal(scene.isPaused, true);
    await endPause(scene.options());
    assert.equal(scene.isPaused, false);
    await pauseUntil(scene.options(), startMs + 5 * hourMs);
    await scene.clock.advance(2 * hourMs);
    assert.equal(scene.isPaused, true);
    await scene.clock.advance(hourMs);
    assert.equal(scene.isPaused, false);
    assert.equal(await resumeIfDue(scene.options()), false, 'nothing is left to do');
  });

  it('does not begin without the task that ends it', async () => {
    const decide: Decide = (call) =>
      call.startsWith('tasks.') || call.includes('spool/') ? 'failed' : 'done';
    await assert.rejects(pauseUntil(scene.options(decide), startMs + hourMs));
    assert.equal(scene.isPaused, false);
  });

  it('is ended where whoever ends it fails or dies at any point, once it is tried again', async () => {
    for (const fate of ['failed', 'lost', 'died before', 'died after'] as const) {
      for (let doomed = 1; doomed <= 6; doomed += 1) {
        scene = new Scene();
        await pauseUntil(scene.options(), startMs + hourMs);
        let calls = 0;
        const decide: Decide = () => {
          calls += 1;
          return calls === doomed ? fate : 'done';
        };
        void endPause(scene.options(decide)).catch(() => undefined);
        await scene.clock.advance(hourMs);
        assert.equal(scene.isPaused, false, `${fate} at call ${doomed}`);
      }
    }
  });

  it('and its end are as the last of those wanted who changed them at the same time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(fc.constantFrom('pause', 'end', 'due'), { minLength: 1, maxLength: 4 }),
        async (scheduler, actors) => {
          scene = new Scene();
          await pauseUntil(scene.options(), startMs + 1);
          scene.clock.now = () => startMs + 10;
          const options = scene.options(allDone, (call) => scheduler.schedule(Promise.resolve()).then(call));
          const work = actors.map((actor) => {
            if (actor === 'pause') return pauseUntil(options, startMs + hourMs);
            return actor === 'end' ? endPause(options) : resumeIfDue(options);
          });
          await scheduler.waitFor(Promise.all(work));
          const [record] = scene.objects.json('control/');
          const isAhead = Date.parse(String(record?.['until'])) > scene.clock.now();
          assert.equal(scene.isPaused, isAhead);
        },
      ),
      runs(300),
    );
  });
});
