import assert from 'node:assert/strict';
import { status } from '@grpc/grpc-js';
import { startTasks } from '../../../local/tasks/index.ts';
import { codeOf, type Harness, queueName, type Reply, startHarness } from './harness.ts';

const retryConfig = { maxAttempts: -1, minBackoffSeconds: 1, maxBackoffSeconds: 1 };

async function settled({ tasks }: Harness): Promise<void> {
  while (tasks.dispatchesInFlight() > 0) await new Promise((resolve) => setImmediate(resolve));
}

describe('Cloud Tasks: how fast, how often, and what goes wrong', () => {
  let harness: Harness;

  const start = async (...parameters: Parameters<typeof startHarness>) => {
    harness = await startHarness(...parameters);
  };
  const createMany = async (count: number) => {
    await Promise.all(Array.from({ length: count }, () => harness.create()));
  };
  afterEach(() => harness.close());

  it('never has more dispatches open than the queue allows, and uses what it allows', async () => {
    await start({ rateLimits: { maxConcurrentDispatches: 5 } });
    const gate = Promise.withResolvers<number>();
    let open = 0;
    let most = 0;
    harness.target.reply = async () => {
      most = Math.max(most, ++open);
      const reply = await gate.promise;
      open -= 1;
      return reply;
    };
    await createMany(60);
    await harness.target.arrived(5);
    assert.equal(harness.tasks.dispatchesInFlight(), 5);
    gate.resolve(200);
    await harness.drained();
    assert.equal(harness.target.deliveries.length, 60);
    assert.equal(most, 5);
  });

  it('dispatches at the rate: a burst of a fifth of a second, then evenly', async () => {
    await start({ rateLimits: { maxDispatchesPerSecond: 0.5 } });
    await harness.client.pauseQueue({ name: queueName });
    await createMany(4);
    await harness.client.resumeQueue({ name: queueName });
    const dueMs: number[] = [];
    for (let count = 1; count < 4; count++) {
      await harness.target.arrived(count);
      await settled(harness);
      dueMs.push(harness.clock.nextDueMs() ?? Number.NaN);
      harness.advance((dueMs.at(-1) ?? 0) - harness.clock.now());
    }
    await harness.target.arrived(4);
    const gapsMs = dueMs.slice(1).map((at, index) => at - (dueMs[index] ?? 0));
    assert.ok(
      gapsMs.every((gapMs) => gapMs >= 1999 && gapMs < 3000),
      `gaps of ${gapsMs} ms`,
    );
  });

  for (const refusal of [429, 503]) {
    it(`slows the whole queue for a while when the target answers ${refusal}`, async () => {
      await start({ retryConfig });
      const rate = async () => {
        const [queue] = await harness.beta.getQueue({ name: queueName, readMask: { paths: ['stats'] } });
        return queue.stats?.effectiveExecutionRate;
      };
      harness.target.reply = () => refusal;
      await createMany(3);
      await harness.target.arrived(3);
      await settled(harness);
      assert.equal(await rate(), 250);
      harness.advance(1001);
      await harness.target.arrived(6);
      await settled(harness);
      assert.equal(await rate(), 125);
      harness.target.reply = () => 500;
      harness.advance(20_000);
      await harness.target.arrived(9);
      await settled(harness);
      assert.equal(await rate(), 500);
    });
  }

  it('waits as long as Retry-After says', async () => {
    await start({ retryConfig });
    harness.target.reply = () => ({ status: 503, headers: { 'retry-after': '40' } });
    await harness.create();
    await harness.target.arrived(1);
    await settled(harness);
    const waitMs = (harness.clock.nextDueMs() ?? 0) - harness.clock.now();
    assert.ok(waitMs > 30_000 && waitMs <= 40_000, `waits ${waitMs} ms`);
  });

  it('gives up after the attempts, but not before the retry time is over too', async () => {
    await start({ retryConfig: { ...retryConfig, maxAttempts: 2, maxRetrySeconds: 3 } });
    harness.target.reply = () => 500;
    await harness.create();
    for (let attempt = 1; attempt <= 4; attempt++) {
      await harness.target.arrived(attempt);
      await settled(harness);
      harness.advance(1000);
    }
    await harness.drained();
    assert.equal(harness.target.deliveries.length, 4);
  });

  it('delivers what was in flight again after the dispatcher died, and drops its answers', async () => {
    await start({ retryConfig: { ...retryConfig, minBackoffSeconds: 600, maxBackoffSeconds: 600 } });
    harness.target.reply = () => 'never';
    await createMany(3);
    await harness.target.arrived(3);
    harness.tasks.stopDispatching();
    await settled(harness);
    harness.target.reply = () => 200;
    await createMany(1);
    harness.advance(60_000);
    assert.equal(harness.tasks.dispatchesInFlight(), 0);
    harness.tasks.startDispatching();
    await harness.drained();
    const counts = Map.groupBy(harness.target.ids(), (id) => id);
    assert.deepEqual([...counts.values()].map((ids) => ids.length).sort(), [1, 2, 2, 2]);
  });

  for (const [when, value] of [
    ['at the same time', 0.75],
    ['after the success', 0.25],
  ] as const) {
    it(`delivers the asked share twice: ${when}`, async () => {
      await start({}, { delivery: { twiceShare: 1 }, random: () => value });
      await harness.client.pauseQueue({ name: queueName });
      await createMany(5);
      await harness.client.resumeQueue({ name: queueName });
      await harness.drained();
      const counts = Map.groupBy(harness.target.ids(), (id) => id);
      assert.deepEqual(
        [...counts.values()].map((ids) => ids.length),
        [2, 2, 2, 2, 2],
      );
    });
  }

  it('fails calls with the asked code, before or after they took effect', async () => {
    await start();
    const fault = { service: 'tasks', rate: 1, forMs: 60_000, method: 'CreateTask' } as const;
    await harness.client.pauseQueue({ name: queueName });
    const made = async () => (await harness.client.listTasks({ parent: queueName }))[0].length;
    harness.faults.add({ ...fault, code: status.RESOURCE_EXHAUSTED, phase: 'before' });
    assert.equal(await codeOf(harness.create()), status.RESOURCE_EXHAUSTED);
    assert.equal(await made(), 0);
    harness.faults.clear();
    harness.faults.add({ ...fault, code: status.INTERNAL, phase: 'after' });
    assert.equal(await codeOf(harness.create()), status.INTERNAL);
    assert.equal(await made(), 1);
    harness.advance(60_000);
    await harness.create();
  });

  it('sends again at once when a kept connection turns out to be closed, not when a fresh one does', async () => {
    await start({ retryConfig });
    const replies: Reply[] = ['hangUp', 200, 'hangUp', 200];
    harness.target.reply = () => replies.shift() ?? 200;
    await harness.create();
    await harness.target.arrived(1);
    await settled(harness);
    harness.advance(1000);
    await harness.drained();
    await harness.create();
    await harness.drained();
    const retryCounts = harness.target.deliveries.map(
      ({ headers }) => headers['x-cloudtasks-taskretrycount'],
    );
    assert.deepEqual(retryCounts, ['0', '1', '0', '0']);
  });

  it('refuses a port that is taken', async () => {
    await start();
    const { clock, faults, tasks } = harness;
    await assert.rejects(
      startTasks({ port: tasks.port, clock, faults, queues: [] }),
      /Port \d+, wanted for Cloud Tasks, is in use/,
    );
  });
});
