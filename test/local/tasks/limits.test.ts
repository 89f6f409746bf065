import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { codeOf, fromNow, type Harness, queueName, startHarness, type WireTask } from './harness.ts';

const dayMs = 24 * 60 * 60 * 1000;

describe('Cloud Tasks: what is refused and what is kept', () => {
  let harness: Harness;
  let refuses: (task: WireTask, code?: status) => Promise<void>;

  beforeEach(async () => {
    harness = await startHarness();
    await harness.client.pauseQueue({ name: queueName });
    refuses = async (task, code = status.INVALID_ARGUMENT) => {
      assert.equal(await codeOf(harness.create(task)), code);
    };
  });
  afterEach(() => harness.close());

  it('makes a name when there is none, and two of them differ', async () => {
    const [a, b] = [await harness.create(), await harness.create()];
    assert.match(a.name ?? '', /^projects\/demo\/locations\/us-central1\/queues\/flush\/tasks\/\d+$/);
    assert.notEqual(a.name, b.name);
  });

  it('refuses a name that a task has, and for 24 hours one that it had', async () => {
    const name = `${queueName}/tasks/once`;
    await harness.create({ name });
    await refuses({ name }, status.ALREADY_EXISTS);
    await harness.client.deleteTask({ name });
    await refuses({ name }, status.ALREADY_EXISTS);
    harness.advance(dayMs - 60_000);
    await refuses({ name }, status.ALREADY_EXISTS);
    harness.advance(60_000);
    await harness.create({ name });
  });

  it('keeps the name of a task that was dispatched taken', async () => {
    const name = `${queueName}/tasks/once`;
    await harness.client.resumeQueue({ name: queueName });
    await harness.create({ name });
    await harness.drained();
    assert.deepEqual(harness.target.ids(), ['once']);
    await refuses({ name }, status.ALREADY_EXISTS);
  });

  it('refuses a name of another queue or with other characters', async () => {
    await refuses({ name: `${queueName}x/tasks/a` });
    await refuses({ name: `${queueName}/tasks/a.b` });
    await refuses({ name: `${queueName}/tasks/${'a'.repeat(501)}` });
    await harness.create({ name: `${queueName}/tasks/${'a'.repeat(500)}` });
  });

  it('takes schedule times up to 30 days ahead', async () => {
    await refuses({ scheduleTime: fromNow(harness.clock, 30 * dayMs + 60_000) });
    const kept = await harness.create({ scheduleTime: fromNow(harness.clock, 30 * dayMs - 60_000) });
    assert.ok(Number(kept.scheduleTime?.seconds) * 1000 > harness.clock.now() + 29 * dayMs);
  });

  it('takes tasks of up to 100 KB', async () => {
    const body = (bytes: number) => ({ httpRequest: { body: randomBytes(bytes) } });
    await harness.create(body(100 * 1024 - 300));
    await refuses(body(100 * 1024));
  });

  it('refuses a deadline under 15 s or over 30 min, a url that is none, a body with GET, no request at all', async () => {
    await refuses({ dispatchDeadline: { seconds: 14 } });
    await refuses({ dispatchDeadline: { seconds: 1801 } });
    await refuses({ httpRequest: { url: 'ftp://127.0.0.1/' } });
    await refuses({ httpRequest: { url: 'http://' } });
    await refuses({ httpRequest: { httpMethod: 'GET', body: Buffer.from('x') } });
    const empty = harness.client.createTask({ parent: queueName, task: {} });
    assert.equal(await codeOf(empty), status.INVALID_ARGUMENT);
    assert.equal((await harness.client.listTasks({ parent: queueName }))[0].length, 0);
  });

  it('answers NOT_FOUND for a queue or a task that does not exist', async () => {
    const { client } = harness;
    const missing = `${queueName}/tasks/missing`;
    assert.equal(await codeOf(client.createTask({ parent: `${queueName}x`, task: {} })), status.NOT_FOUND);
    assert.equal(await codeOf(client.getQueue({ name: `${queueName}x` })), status.NOT_FOUND);
    assert.equal(await codeOf(client.getTask({ name: missing })), status.NOT_FOUND);
    assert.equal(await codeOf(client.deleteTask({ name: missing })), status.NOT_FOUND);
    assert.equal(await codeOf(client.runTask({ name: missing })), status.NOT_FOUND);
  });

  it('drops a task 31 days after it was made, paused or not', async () => {
    const { name } = await harness.create();
    harness.advance(31 * dayMs - 60_000);
    await harness.client.getTask({ name: name ?? '' });
    const { name: younger } = await harness.create();
    harness.advance(60_000);
    assert.equal(await codeOf(harness.client.getTask({ name: name ?? '' })), status.NOT_FOUND);
    await harness.client.resumeQueue({ name: queueName });
    await harness.drained();
    assert.deepEqual(harness.target.ids(), [younger?.split('/').at(-1)]);
  });

  it('shows a body only to a caller that asks for the full view', async () => {
    const body = Buffer.from('secret');
    const { name = '' } = await harness.create({ httpRequest: { body, headers: { 'X-Own': 'yes' } } });
    const [basic] = await harness.client.getTask({ name: name ?? '' });
    assert.equal(basic.httpRequest?.body?.length, 0);
    assert.equal(basic.httpRequest?.headers?.['x-own'], 'yes');
    assert.equal(basic.view, 'BASIC');
    const [full] = await harness.client.getTask({ name: name ?? '', responseView: 'FULL' });
    assert.deepEqual(full.httpRequest?.body, body);
    const [[listed]] = await harness.client.listTasks({ parent: queueName, responseView: 'FULL' });
    assert.deepEqual(listed?.httpRequest?.body, body);
  });
});
