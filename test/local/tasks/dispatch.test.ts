import assert from 'node:assert/strict';
import { CloudTasksClient } from '@google-cloud/tasks';
import { credentials } from '@grpc/grpc-js';
import { fromNow, type Harness, queueName, startHarness } from './harness.ts';

const retryConfig = {
  maxAttempts: -1,
  minBackoffSeconds: 10,
  maxBackoffSeconds: 300,
  maxDoublings: 3,
  maxRetrySeconds: 0,
};

describe('Cloud Tasks: dispatch', () => {
  let harness: Harness;

  beforeEach(async () => {
    harness = await startHarness({ retryConfig });
  });
  afterEach(() => harness.close());

  it('posts the body with the headers a handler relies on', async () => {
    const { create, target } = harness;
    await create({
      name: `${queueName}/tasks/one`,
      httpRequest: {
        headers: { 'Content-Type': 'application/json', 'X-Own': 'yes', 'X-CloudTasks-TaskName': 'forged' },
        body: Buffer.from('{"data":1}'),
        oidcToken: { serviceAccountEmail: 'sa@demo.iam', audience: 'https://flush' },
      },
    });
    await target.arrived(1);
    const [delivery] = target.deliveries;
    assert.equal(delivery?.method, 'POST');
    assert.equal(delivery?.body, '{"data":1}');
    const headers = delivery?.headers ?? {};
    assert.equal(headers['content-type'], 'application/json');
    assert.equal(headers['x-own'], 'yes');
    assert.equal(headers['x-cloudtasks-queuename'], 'flush');
    assert.equal(headers['x-cloudtasks-taskname'], 'one');
    assert.equal(headers['x-cloudtasks-taskretrycount'], '0');
    assert.equal(headers['x-cloudtasks-taskexecutioncount'], '0');
    assert.ok(Math.abs(Number(headers['x-cloudtasks-tasketa']) * 1000 - harness.clock.now()) < 10_000);
    assert.equal(headers['x-cloudtasks-taskpreviousresponse'], undefined);
    const [, claims = ''] = String(headers['authorization']).replace('Bearer ', '').split('.');
    const { email, aud } = JSON.parse(Buffer.from(claims, 'base64url').toString());
    assert.deepEqual({ email, aud }, { email: 'sa@demo.iam', aud: 'https://flush' });
  });

  it('tells the local functions whether its target put the task itself, and that it was sent before', async () => {
    const { create, target, tasks } = harness;
    target.reply = () => (target.deliveries.length === 3 ? 500 : 200);
    await create({ name: `${queueName}/tasks/others` });
    await target.arrived(1);
    const own = new CloudTasksClient({
      apiEndpoint: '127.0.0.1',
      port: await tasks.callerPort('flush'),
      sslCreds: credentials.createInsecure(),
      projectId: 'demo',
    });
    const httpRequest = { url: target.url };
    await own.createTask({ parent: queueName, task: { name: `${queueName}/tasks/own`, httpRequest } });
    await target.arrived(2);
    await own.close();
    await create({ name: `${queueName}/tasks/again` });
    await target.arrived(3);
    harness.advance(10_000);
    await target.arrived(4);
    const seen = target.deliveries.map(({ id, headers }) => [id, headers['x-local-delivery']]);
    assert.deepEqual(seen, [
      ['others', 'first'],
      ['own', 'waited'],
      ['again', 'first'],
      ['again', 'retry'],
    ]);
  });

  it('forgets a task once it is answered with a 2xx', async () => {
    const { create, target } = harness;
    target.reply = () => 204;
    await create();
    await target.arrived(1);
    await harness.drained();
    harness.advance(3_600_000);
    await harness.drained();
    assert.equal(target.deliveries.length, 1);
  });

  it('waits for the schedule time, and the clock knows it', async () => {
    const { clock, create, target } = harness;
    const at = clock.now() + 60_000;
    await create({ name: `${queueName}/tasks/later`, scheduleTime: fromNow(clock, 60_000) });
    assert.ok(Math.abs((clock.nextDueMs() ?? 0) - at) < 1000);
    harness.advance(59_000 - 1000);
    await create({ name: `${queueName}/tasks/now` });
    await target.arrived(1);
    harness.advance(2000);
    await target.arrived(2);
    assert.deepEqual(target.ids(), ['now', 'later']);
    assert.ok((target.deliveries[1]?.atMs ?? 0) >= at);
  });

  it('repeats what fails, with pauses that double and then grow evenly up to the most', async () => {
    const { clock, create, target } = harness;
    target.reply = () => 500;
    await create();
    const pauses: number[] = [];
    for (let attempt = 1; attempt <= 8; attempt++) {
      await target.arrived(attempt);
      await settled(harness);
      const waitMs = (clock.nextDueMs() ?? 0) - clock.now();
      // Some of the pause is over by now, on a busy machine more.
      pauses.push(Math.ceil(waitMs / 10_000) * 10);
      harness.advance(waitMs);
    }
    assert.deepEqual(pauses, [10, 20, 40, 80, 160, 240, 300, 300]);
    const last = target.deliveries[3]?.headers ?? {};
    assert.equal(last['x-cloudtasks-taskretrycount'], '3');
    assert.equal(last['x-cloudtasks-taskexecutioncount'], '3');
    assert.equal(last['x-cloudtasks-taskpreviousresponse'], '500');
  });

  it('repeats a dispatch that nobody answers before its deadline, or that nobody takes', async () => {
    const { create, target } = harness;
    target.reply = () => (target.deliveries.length === 1 ? 'never' : 200);
    await create({ dispatchDeadline: { seconds: 15 } });
    await target.arrived(1);
    harness.advance(15_000);
    await settled(harness);
    harness.advance(10_000);
    await target.arrived(2);
    const headers = target.deliveries[1]?.headers ?? {};
    assert.equal(headers['x-cloudtasks-taskretrycount'], '1');
    assert.equal(headers['x-cloudtasks-taskexecutioncount'], '0');
    const refused = await harness.create({ httpRequest: { url: 'http://127.0.0.1:1/' } });
    await settled(harness);
    const [kept] = await harness.client.getTask({ name: refused.name ?? '' });
    assert.equal(kept.dispatchCount, 1);
    assert.equal(kept.responseCount, 0);
  });
});

/** Resolves when every dispatch under way has come to its end. */
async function settled(harness: Harness): Promise<void> {
  while (harness.tasks.dispatchesInFlight() > 0) await new Promise((resolve) => setImmediate(resolve));
}
