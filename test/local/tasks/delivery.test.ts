import assert from 'node:assert/strict';
import { seededRandom } from '../firestore/harness.ts';
import { fromNow, type Harness, queueName, startHarness } from './harness.ts';

describe('Cloud Tasks: deliveries that go no better than promised', () => {
  let harness: Harness;

  beforeEach(async () => {
    harness = await startHarness({}, { random: seededRandom(11) });
    await harness.client.pauseQueue({ name: queueName });
  });
  afterEach(() => harness.close());

  const create = async (count: number, task: Parameters<Harness['create']>[0] = {}) => {
    const names: string[] = [];
    for (let made = 0; made < count; made++) {
      const { name } = await harness.create(task);
      names.push(name?.split('/').at(-1) ?? '');
    }
    return names;
  };
  const resume = () => harness.client.resumeQueue({ name: queueName });

  it('delivers a share twice, every task at least once', async () => {
    harness.tasks.setDelivery({ twiceShare: 0.25 });
    const names = await create(80);
    await resume();
    await harness.drained();
    const counts = [...Map.groupBy(harness.target.ids(), (id) => id).values()].map(({ length }) => length);
    assert.equal(counts.length, names.length);
    const twice = counts.filter((count) => count === 2).length;
    assert.ok(twice >= 10 && twice <= 30, `${twice} of 80`);
    assert.ok(counts.every((count) => count <= 2));
  });

  it('delivers late, up to what is asked, and so out of order', async () => {
    harness.tasks.setDelivery({ maxLateMs: 60_000 });
    const scheduleTime = fromNow(harness.clock, 10_000);
    const names = await create(30, { scheduleTime });
    await resume();
    harness.advance(10_000);
    for (let second = 0; second < 60; second++) {
      harness.advance(1000);
      await settled(harness);
    }
    await harness.drained();
    assert.deepEqual(harness.target.ids().sort(), [...names].sort());
    const dueMs = scheduleTime.seconds * 1000;
    const lateMs = harness.target.deliveries.map(({ atMs }) => atMs - dueMs);
    assert.ok(Math.min(...lateMs) < 20_000 && Math.max(...lateMs) > 40_000, `${lateMs}`);
    const [first] = harness.target.deliveries;
    assert.equal(Math.floor(Number(first?.headers['x-cloudtasks-tasketa'])), scheduleTime.seconds);
  });

  it('shuffles what is due, and nothing that is not', async () => {
    harness.tasks.ensureQueue({ name: queueName, rateLimits: { maxConcurrentDispatches: 1 } });
    const names = await create(20);
    const [later] = await create(1, { scheduleTime: fromNow(harness.clock, 60_000) });
    harness.tasks.setDelivery({ isShuffled: true });
    await resume();
    await harness.target.arrived(20);
    await settled(harness);
    assert.notDeepEqual(harness.target.ids(), names);
    assert.deepEqual(harness.target.ids().sort(), [...names].sort());
    harness.advance(60_000);
    await harness.drained();
    assert.equal(harness.target.ids().at(-1), later);
  });

  it('delivers once, in order and in time when it is told nothing, or told so again', async () => {
    harness.tasks.ensureQueue({ name: queueName, rateLimits: { maxConcurrentDispatches: 1 } });
    harness.tasks.setDelivery({ twiceShare: 1, maxLateMs: 60_000, isShuffled: true });
    harness.tasks.setDelivery({});
    const names = await create(20);
    await resume();
    await harness.drained();
    assert.deepEqual(harness.target.ids(), names);
  });
});

async function settled({ tasks }: Harness): Promise<void> {
  while (tasks.dispatchesInFlight() > 0) await new Promise((resolve) => setImmediate(resolve));
}
