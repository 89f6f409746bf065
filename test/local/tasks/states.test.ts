import assert from 'node:assert/strict';
import { status } from '@grpc/grpc-js';
import { codeOf, fromNow, type Harness, parent, queueName, startHarness } from './harness.ts';

describe('Cloud Tasks: settings, ends and states', () => {
  let harness: Harness;

  const start = async (...parameters: Parameters<typeof startHarness>) => {
    harness = await startHarness(...parameters);
  };
  afterEach(() => harness.close());

  const settled = async () => {
    while (harness.tasks.dispatchesInFlight() > 0) await new Promise((resolve) => setImmediate(resolve));
  };
  const untilDue = () => harness.advance((harness.clock.nextDueMs() ?? 0) - harness.clock.now());

  it('forgets a task that used up its attempts, and keeps its name', async () => {
    await start({ retryConfig: { maxAttempts: 3, minBackoffSeconds: 1, maxBackoffSeconds: 1 } });
    harness.target.reply = () => 500;
    const name = `${queueName}/tasks/hopeless`;
    await harness.create({ name });
    for (let attempt = 1; attempt < 3; attempt++) {
      await harness.target.arrived(attempt);
      await settled();
      untilDue();
    }
    await harness.drained();
    harness.advance(3_600_000);
    assert.equal(harness.target.deliveries.length, 3);
    assert.equal(await codeOf(harness.client.getTask({ name })), status.NOT_FOUND);
    assert.equal(await codeOf(harness.create({ name })), status.ALREADY_EXISTS);
  });

  it('tells of a task’s attempts', async () => {
    await start({ retryConfig: { maxAttempts: -1, minBackoffSeconds: 10 } });
    harness.target.reply = () => 500;
    const { name } = await harness.create();
    await harness.target.arrived(1);
    await settled();
    untilDue();
    await harness.target.arrived(2);
    await settled();
    const [task] = await harness.client.getTask({ name: name ?? '' });
    assert.deepEqual([task.dispatchCount, task.responseCount], [2, 2]);
    const [first, last] = [task.firstAttempt, task.lastAttempt].map((attempt) =>
      Number(attempt?.dispatchTime?.seconds),
    );
    assert.ok((last ?? 0) - (first ?? 0) >= 9, `${first} ${last}`);
    assert.match(task.lastAttempt?.responseStatus?.message ?? '', /500/);
  });

  it('dispatches at once what was due in the past', async () => {
    await start();
    const { scheduleTime } = await harness.create({ scheduleTime: fromNow(harness.clock, -3_600_000) });
    assert.ok(Math.abs(Number(scheduleTime?.seconds) * 1000 - harness.clock.now()) < 10_000);
    await harness.target.arrived(1);
  });

  it('waits ten minutes for an answer where the task says nothing', async () => {
    await start({ retryConfig: { maxAttempts: -1, minBackoffSeconds: 10 } });
    harness.target.reply = () => 'never';
    const { dispatchDeadline } = await harness.create();
    assert.equal(Number(dispatchDeadline?.seconds), 600);
    await harness.target.arrived(1);
    harness.advance(590_000);
    assert.equal(harness.tasks.dispatchesInFlight(), 1);
    harness.advance(10_000);
    await settled();
  });

  it('lets what is under way end when it is paused, and repeats it only when resumed', async () => {
    await start({ retryConfig: { maxAttempts: -1, minBackoffSeconds: 1, maxBackoffSeconds: 1 } });
    const gate = Promise.withResolvers<number>();
    harness.target.reply = () => gate.promise;
    await harness.create();
    await harness.target.arrived(1);
    await harness.client.pauseQueue({ name: queueName });
    gate.resolve(500);
    await settled();
    harness.advance(60_000);
    assert.equal(harness.tasks.dispatchesInFlight(), 0);
    harness.target.reply = () => 200;
    await harness.client.resumeQueue({ name: queueName });
    await harness.drained();
    assert.equal(harness.target.deliveries.length, 2);
  });

  it('dispatches a burst at once, and no more before the rate allows it', async () => {
    await start({ rateLimits: { maxDispatchesPerSecond: 10 } });
    harness.target.reply = () => 'never';
    await harness.client.pauseQueue({ name: queueName });
    for (let made = 0; made < 30; made++) await harness.create();
    harness.advance(10_000);
    const [queue] = await harness.client.resumeQueue({ name: queueName });
    assert.equal(queue.rateLimits?.maxBurstSize, 2);
    const open = harness.tasks.dispatchesInFlight();
    assert.ok(open >= 2 && open < 30, `${open} at once`);
    harness.advance(1000);
    await harness.target.arrived(open + 2);
  });

  it('changes only what the mask names', async () => {
    await start({ rateLimits: { maxDispatchesPerSecond: 5 }, retryConfig: { maxAttempts: 7 } });
    const queue = { name: queueName, rateLimits: { maxConcurrentDispatches: 3 }, retryConfig: {} };
    const updateMask = { paths: ['rate_limits.max_concurrent_dispatches'] };
    const [changed] = await harness.client.updateQueue({ queue, updateMask });
    assert.equal(changed.rateLimits?.maxConcurrentDispatches, 3);
    assert.equal(changed.rateLimits?.maxDispatchesPerSecond, 5);
    assert.equal(changed.retryConfig?.maxAttempts, 7);
    const [reset] = await harness.client.updateQueue({ queue, updateMask: { paths: ['retry_config'] } });
    assert.equal(reset.retryConfig?.maxAttempts, 100);
    const state = harness.client.updateQueue({ queue, updateMask: { paths: ['state'] } });
    assert.equal(await codeOf(state), status.INVALID_ARGUMENT);
    const [whole] = await harness.client.updateQueue({ queue });
    assert.equal(whole.rateLimits?.maxDispatchesPerSecond, 500);
  });

  it('refuses settings out of bounds', async () => {
    await start();
    for (const settings of [
      { rateLimits: { maxDispatchesPerSecond: 501 } },
      { rateLimits: { maxDispatchesPerSecond: -1 } },
      { rateLimits: { maxConcurrentDispatches: 5001 } },
      { retryConfig: { maxAttempts: -2 } },
      { retryConfig: { minBackoff: { seconds: 20 }, maxBackoff: { seconds: 10 } } },
    ]) {
      const created = harness.client.createQueue({
        parent,
        queue: { name: `${parent}/queues/a`, ...settings },
      });
      assert.equal(await codeOf(created), status.INVALID_ARGUMENT, JSON.stringify(settings));
    }
    const [queues] = await harness.client.listQueues({ parent });
    assert.equal(queues.length, 1);
  });

  it('purges what waits, while what is under way runs to its end', async () => {
    await start({ retryConfig: { maxAttempts: -1, minBackoffSeconds: 1 } });
    const gate = Promise.withResolvers<number>();
    harness.target.reply = () => gate.promise;
    await harness.create();
    await harness.target.arrived(1);
    await harness.create({ scheduleTime: fromNow(harness.clock, 60_000) });
    await harness.client.purgeQueue({ name: queueName });
    gate.resolve(500);
    await harness.drained();
    harness.advance(120_000);
    await harness.drained();
    assert.equal(harness.target.deliveries.length, 1);
  });
});
