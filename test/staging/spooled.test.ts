import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Outbox } from '../../functions/src/staging/outbox.ts';
import { spooledHandler, sweepSpool } from '../../functions/src/staging/spool.ts';
import { ManualClock, startMs } from '../support/clock.ts';
import { allDone, type Decide, type Fate } from '../support/fate.ts';
import { countingIds } from '../support/ids.ts';
import { memoryLogger } from '../support/logger.ts';
import { MemoryObjects } from '../support/objects.ts';
import { runs } from '../support/runs.ts';
import { MemoryTasks } from '../support/tasks.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const fates: Fate[] = ['done', 'failed', 'lost', 'died before', 'died after'];

/** The bucket's events, which come again while they fail: 10 s later, then twice as long, 600 s at most, for a day. */
class Scene {
  readonly clock = new ManualClock();
  readonly objects = new MemoryObjects(this.clock);
  readonly tasks = new MemoryTasks(this.clock);
  readonly calls: string[] = [];
  readonly logger = memoryLogger();
  decide: Decide = allDone;
  /** Deliveries of events so far. */
  deliveries = 0;
  /** True where the bucket's events come to nobody. */
  areEventsLost = false;
  readonly #handle = spooledHandler(this.#parts());
  readonly #outbox = new Outbox({ ...this.#parts(), ids: countingIds() });

  #parts() {
    const decide = (call: string) => {
      this.calls.push(call);
      return this.decide(call);
    };
    const { clock, objects, tasks, logger } = this;
    const queues = { flush: tasks.connect('flush', decide), expire: tasks.connect('expire', decide) };
    return { clock, logger, objects: objects.connect(decide), queues };
  }

  /** Sends a carrier, as ingest does; where it is spooled, that is announced. */
  async send(count: number): Promise<void> {
    const before = new Set(this.objects.names());
    await this.#outbox.sendData('flush', { schema: 1, count }, startMs);
    for (const name of this.objects.names()) if (!before.has(name)) this.announce(name);
  }

  announce(name: string): void {
    const atMs = this.clock.now();
    const deliver = async (retryMs: number): Promise<void> => {
      this.deliveries += 1;
      try {
        await this.#handle(name, atMs);
      } catch {
        if (this.clock.now() - atMs > dayMs) return;
        this.clock.setTimeout(() => void deliver(Math.min(600_000, 2 * retryMs)), retryMs);
      }
    };
    if (!this.areEventsLost) this.clock.setTimeout(() => void deliver(10_000), 100);
  }

  /** The handler of another instance. */
  handler() {
    return spooledHandler(this.#parts());
  }

  sweep(): Promise<number> {
    return sweepSpool(this.#parts());
  }

  /** Numbers of the carriers in Cloud Tasks. */
  counts(): number[] {
    return this.tasks.put.map(({ data }) => Number(data['count']));
  }
}

const tasksAreDown: Decide = (call) => (call.startsWith('tasks.') ? 'failed' : 'done');

describe('the event of a spooled carrier', () => {
  let scene: Scene;

  beforeEach(() => {
    scene = new Scene();
  });

  it('puts it back, though no schedule comes, for one read', async () => {
    scene.decide = tasksAreDown;
    await scene.send(1);
    scene.decide = allDone;
    const before = scene.calls.length;
    await scene.clock.advance(100);
    assert.deepEqual(scene.counts(), [1]);
    assert.deepEqual(scene.objects.names(), []);
    assert.deepEqual(
      scene.calls.slice(before).map((call) => call.split(' ')[0]),
      ['objects.get', 'tasks.put', 'objects.delete'],
    );
  });

  it('comes again while Cloud Tasks is out, and the first that succeeds brings all others', async () => {
    scene.decide = tasksAreDown;
    for (let count = 0; count < 30; count += 1) {
      await scene.send(count);
      await scene.clock.advance(minuteMs);
    }
    assert.deepEqual(scene.counts(), []);
    scene.decide = allDone;
    await scene.clock.advance(minuteMs);
    assert.deepEqual(
      scene.counts().toSorted((a, b) => a - b),
      Array.from({ length: 30 }, (_, count) => count),
    );
    assert.deepEqual(scene.objects.names(), []);
    await scene.clock.advance(dayMs);
    assert.equal(scene.counts().length, 30, 'events that come later find nothing to do');
    assert.equal(scene.clock.pendingTimers, 0);
  });

  it('leaves Cloud Tasks alone between, however many come', async () => {
    scene.decide = tasksAreDown;
    const carrier = Buffer.from(JSON.stringify({ queue: 'flush', due_ms: startMs, data: { count: 1 } }));
    for (let number = 0; number < 200; number += 1) {
      await scene.objects.connect().put(`spool/${number}.json`, carrier);
      scene.announce(`spool/${number}.json`);
      await scene.clock.advance(10);
    }
    await scene.clock.advance(5_000);
    assert.equal(scene.deliveries, 200);
    assert.deepEqual(
      scene.calls.filter((call) => call.startsWith('tasks.')),
      Array(3).fill('tasks.put flush'),
    );
  });

  it('in two instances at once puts next to nothing back twice', async () => {
    const carrier = Buffer.from(JSON.stringify({ queue: 'flush', due_ms: startMs, data: { count: 1 } }));
    const names = Array.from({ length: 400 }, (_, number) => `spool/${number}.json`).sort();
    for (const name of names) await scene.objects.connect().put(name, carrier);
    await scene.clock.advance(minuteMs);
    await Promise.all([names[50], names[250]].map((name = '') => scene.handler()(name, startMs)));
    assert.deepEqual(scene.objects.names(), []);
    assert.ok(scene.counts().length <= 400 + 2 * 8, `${scene.counts().length} for 400`);
  });

  it('that is lost leaves the carrier to the schedule', async () => {
    scene.areEventsLost = true;
    scene.decide = tasksAreDown;
    await scene.send(1);
    scene.decide = allDone;
    await scene.clock.advance(15 * minuteMs);
    assert.deepEqual(scene.counts(), []);
    assert.equal(await scene.sweep(), 1);
    assert.deepEqual([scene.counts(), scene.objects.names()], [[1], []]);
  });

  it('ends after a day in which Cloud Tasks refused it; the schedule goes on', async () => {
    scene.decide = tasksAreDown;
    await scene.send(1);
    await scene.clock.advance(2 * dayMs);
    assert.equal(scene.clock.pendingTimers, 0);
    scene.decide = allDone;
    assert.equal(await scene.sweep(), 1);
  });

  it('twice, or beside another, puts back nothing twice', async () => {
    scene.decide = tasksAreDown;
    for (const count of [1, 2]) await scene.send(count);
    for (const name of scene.objects.names()) scene.clock.setTimeout(() => scene.announce(name), 50);
    scene.decide = allDone;
    await scene.clock.advance(minuteMs);
    assert.deepEqual(scene.counts().toSorted(), [1, 2]);
    assert.deepEqual(scene.objects.names(), []);
  });

  it('of what is no carrier, or gone, is done', async () => {
    await scene.objects.connect().put('spool/a.json', Buffer.from('not JSON'));
    scene.announce('spool/a.json');
    scene.announce('spool/b.json');
    await scene.clock.advance(dayMs);
    assert.equal(scene.deliveries, 2);
    assert.deepEqual([scene.counts(), scene.objects.names()], [[], ['spool/a.json']]);
  });

  it('brings everything back, whatever fails or breaks off on the way', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...fates), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 8 }),
        async (drawn, size) => {
          scene = new Scene();
          scene.decide = tasksAreDown;
          for (let count = 0; count < size; count += 1) await scene.send(count);
          let call = 0;
          scene.decide = () => {
            call += 1;
            return drawn[call - 1] ?? 'done';
          };
          await scene.clock.advance(dayMs);
          scene.decide = allDone;
          await scene.sweep();
          assert.deepEqual(
            [...new Set(scene.counts())].toSorted((a, b) => a - b),
            Array.from({ length: size }, (_, count) => count),
          );
          assert.deepEqual(scene.objects.names(), []);
        },
      ),
      runs(200),
    ));
});
