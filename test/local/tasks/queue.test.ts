import assert from 'node:assert/strict';
import { status } from '@grpc/grpc-js';
import { codeOf, fromNow, type Harness, parent, queueName, startHarness } from './harness.ts';

describe('Cloud Tasks: queues', () => {
  let harness: Harness;

  beforeEach(async () => {
    harness = await startHarness({ retryConfig: { maxAttempts: -1, minBackoffSeconds: 10 } });
  });
  afterEach(() => harness.close());

  it('takes tasks while paused and dispatches them when resumed', async () => {
    const [paused] = await harness.client.pauseQueue({ name: queueName });
    assert.equal(paused.state, 'PAUSED');
    await harness.create();
    harness.advance(60_000);
    assert.equal(harness.tasks.dispatchesInFlight(), 0);
    const [resumed] = await harness.client.resumeQueue({ name: queueName });
    assert.equal(resumed.state, 'RUNNING');
    await harness.target.arrived(1);
  });

  it('runs a task at once, before its time and on a paused queue, and only once', async () => {
    const { clock, client, create, target } = harness;
    await client.pauseQueue({ name: queueName });
    const { name } = await create({ scheduleTime: fromNow(clock, 3_600_000) });
    await client.runTask({ name: name ?? '' });
    await harness.drained();
    await client.resumeQueue({ name: queueName });
    harness.advance(3_600_000);
    await create();
    await harness.drained();
    assert.equal(target.deliveries.length, 2);
  });

  it('waits after a run that failed, also past the time the task had before', async () => {
    const { clock, client, create, target } = harness;
    target.reply = () => 500;
    const { name } = await create({ scheduleTime: fromNow(clock, 5000) });
    await client.runTask({ name: name ?? '' });
    await target.arrived(1);
    while (harness.tasks.dispatchesInFlight() > 0) await new Promise((resolve) => setImmediate(resolve));
    harness.advance(6000);
    target.reply = () => 200;
    await create();
    await target.arrived(2);
    assert.notEqual(target.ids()[1], target.ids()[0]);
    assert.equal(
      (await client.listTasks({ parent: queueName }))[0].some((task) => task.name === name),
      true,
    );
  });

  it('does not dispatch what was deleted or purged', async () => {
    const { clock, client, create, target } = harness;
    const scheduleTime = fromNow(clock, 60_000);
    const doomed = await create({ scheduleTime });
    await client.deleteTask({ name: doomed.name ?? '' });
    for (let count = 0; count < 3; count++) await create({ scheduleTime });
    const [purged] = await client.purgeQueue({ name: queueName });
    assert.ok(Number(purged.purgeTime?.seconds) > 0);
    const kept = await create({ scheduleTime });
    harness.advance(60_000);
    await harness.drained();
    assert.deepEqual(target.ids(), [kept.name?.split('/').at(-1)]);
  });

  it('does not repeat a task that was deleted while its dispatch was under way', async () => {
    const { client, create, target } = harness;
    const answer = Promise.withResolvers<number>();
    target.reply = () => answer.promise;
    const { name } = await create();
    await target.arrived(1);
    await client.deleteTask({ name: name ?? '' });
    answer.resolve(500);
    await harness.drained();
    harness.advance(3_600_000);
    await harness.drained();
    assert.equal(target.deliveries.length, 1);
  });

  it('lists in pages, each task once', async () => {
    await harness.client.pauseQueue({ name: queueName });
    const made = [];
    for (let count = 0; count < 7; count++) made.push((await harness.create()).name);
    const [page, next, answer] = await harness.client.listTasks(
      { parent: queueName, pageSize: 3 },
      { autoPaginate: false },
    );
    assert.equal(page.length, 3);
    assert.notEqual(answer?.nextPageToken, '');
    const [rest] = await harness.client.listTasks({ ...next, pageSize: 3 }, { autoPaginate: false });
    const [all] = await harness.client.listTasks({ parent: queueName });
    assert.deepEqual(
      all.map((task) => task.name),
      made,
    );
    assert.deepEqual(
      [...page, ...rest].map((task) => task.name),
      made.slice(0, 6),
    );
    const forged = harness.client.listTasks({ parent: queueName, pageToken: 'x' }, { autoPaginate: false });
    assert.equal(await codeOf(forged), status.INVALID_ARGUMENT);
  });

  it('tells its numbers through v2beta3 only to those who ask for them', async () => {
    const { beta, clock, create, target } = harness;
    const at = fromNow(clock, 120_000);
    await create({ scheduleTime: at });
    await create({ scheduleTime: fromNow(clock, 300_000) });
    target.reply = () => 'never';
    await create();
    await target.arrived(1);
    const [queue] = await beta.getQueue({ name: queueName, readMask: { paths: ['stats', 'state'] } });
    const { stats } = queue;
    assert.equal(queue.state, 'RUNNING');
    assert.equal(Number(stats?.tasksCount), 3);
    assert.equal(Number(stats?.concurrentDispatchesCount), 1);
    assert.equal(Number(stats?.oldestEstimatedArrivalTime?.seconds), at.seconds);
    assert.equal(stats?.effectiveExecutionRate, 500);
    assert.equal(Number(stats?.executedLastMinuteCount), 0);
    assert.equal((await beta.getQueue({ name: queueName }))[0].stats, null);
  });

  it('counts what was executed in the last minute', async () => {
    const { beta, create } = harness;
    for (let count = 0; count < 3; count++) await create();
    await harness.drained();
    const executed = async () => {
      const [queue] = await beta.getQueue({ name: queueName, readMask: { paths: ['stats'] } });
      return Number(queue.stats?.executedLastMinuteCount);
    };
    assert.equal(await executed(), 3);
    harness.advance(61_000);
    assert.equal(await executed(), 0);
  });

  it('makes, changes, lists and deletes queues', async () => {
    const { client, tasks } = harness;
    const name = `${parent}/queues/other`;
    await client.createQueue({ parent, queue: { name, rateLimits: { maxConcurrentDispatches: 7 } } });
    assert.equal(await codeOf(client.createQueue({ parent, queue: { name } })), status.ALREADY_EXISTS);
    tasks.ensureQueue({ name, rateLimits: { maxDispatchesPerSecond: 5 }, retryConfig: { maxAttempts: 4 } });
    const [queue] = await client.getQueue({ name });
    assert.equal(queue.rateLimits?.maxDispatchesPerSecond, 5);
    assert.equal(queue.rateLimits?.maxConcurrentDispatches, 1000);
    assert.equal(queue.retryConfig?.maxAttempts, 4);
    assert.equal(Number(queue.retryConfig?.maxBackoff?.seconds), 3600);
    const [queues] = await client.listQueues({ parent });
    assert.deepEqual(
      queues.map((listed) => listed.name),
      [queueName, name],
    );
    await client.deleteQueue({ name });
    assert.equal(await codeOf(client.getQueue({ name })), status.NOT_FOUND);
    assert.throws(() => tasks.ensureQueue({ name: 'not a queue' }), /queue name/);
  });

  it('bills calls and push attempts by started 32 KB, and each listed task', async () => {
    const { client, create, target, tasks } = harness;
    target.reply = () => (target.deliveries.length === 1 ? 500 : 200);
    await client.pauseQueue({ name: queueName });
    for (let count = 0; count < 3; count++) await create();
    const operations = async (work: () => Promise<unknown>) => {
      tasks.resetUsage();
      await work();
      return tasks.usage().operations;
    };
    assert.equal(await operations(() => client.listTasks({ parent: queueName })), 3);
    assert.equal(await operations(() => client.purgeQueue({ name: queueName })), 1);
    assert.equal(await operations(() => client.listTasks({ parent: queueName })), 1);
    const body = Buffer.alloc(33 * 1024);
    assert.equal(await operations(() => create({ httpRequest: { body } })), 2);
    const delivered = async (count: number) => {
      await target.arrived(count);
      while (tasks.dispatchesInFlight() > 0) await new Promise((resolve) => setImmediate(resolve));
    };
    await operations(() => client.resumeQueue({ name: queueName }));
    await delivered(1);
    harness.advance(10_000);
    await delivered(2);
    assert.equal(tasks.usage().operations, 1 + 2 + 2);
  });
});
