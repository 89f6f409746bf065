import assert from 'node:assert/strict';
import { CloudTasksClient } from '@google-cloud/tasks';
import { credentials } from '@grpc/grpc-js';
import { OffsetClock } from '../../../local/shared/clock.ts';
import { Faults } from '../../../local/shared/faults.ts';
import { type LocalTasks, startTasks } from '../../../local/tasks/index.ts';
import { moveTasks } from '../../../scripts/deploy/moveTasks.ts';

// Off the cloud, the client would look for a metadata server.
process.env['METADATA_SERVER_DETECTION'] ??= 'none';

const place = 'projects/p/locations/us-central1/queues';
const from = `${place}/flush`;
const to = `${place}/sluice-flush`;
const url = 'https://example.com/sluice-flush';
const minuteMs = 60_000;

describe('moving a queue’s tasks', () => {
  let tasks: LocalTasks;
  let client: CloudTasksClient;
  let faults: Faults;
  let clock: OffsetClock;

  beforeEach(async () => {
    clock = new OffsetClock();
    faults = new Faults(clock);
    tasks = await startTasks({ port: 0, clock, faults, queues: [{ name: from }, { name: to }] });
    const sslCreds = credentials.createInsecure();
    client = new CloudTasksClient({ apiEndpoint: '127.0.0.1', port: tasks.port, sslCreds, projectId: 'p' });
  });
  afterEach(async () => {
    await client.close();
    await tasks.close();
  });

  async function put(body: string, dueMs: number): Promise<void> {
    const httpRequest = {
      url: 'https://example.com/flush',
      httpMethod: 'POST' as const,
      headers: { 'Content-Type': 'application/json' },
      body: Buffer.from(body),
      oidcToken: { serviceAccountEmail: 'a@example.com' },
    };
    const scheduleTime = { seconds: Math.floor(dueMs / 1000), nanos: 0 };
    const task = { httpRequest, scheduleTime, dispatchDeadline: { seconds: 120 } };
    await client.createTask({ parent: from, task });
  }

  async function bodies(parent: string): Promise<string[]> {
    const [listed] = await client.listTasks({ parent, responseView: 'FULL' });
    return listed.map(({ httpRequest }) => Buffer.from(httpRequest?.body ?? '').toString()).sort();
  }

  it('keeps body, time, account and deadline of each, and leads it to the new function', async () => {
    const dueMs = clock.now() + 10 * minuteMs;
    await put('{"data":1}', dueMs);
    assert.equal(await moveTasks(client, { from, to, url }), 1);
    assert.deepEqual(await bodies(from), []);
    const [[task, ...others]] = await client.listTasks({ parent: to, responseView: 'FULL' });
    assert.deepEqual(others, []);
    assert.equal(task?.httpRequest?.url, url);
    assert.equal(Buffer.from(task?.httpRequest?.body ?? '').toString(), '{"data":1}');
    assert.deepEqual(task?.httpRequest?.headers, { 'content-type': 'application/json' });
    assert.equal(task?.httpRequest?.oidcToken?.serviceAccountEmail, 'a@example.com');
    assert.equal(Number(task?.scheduleTime?.seconds), Math.floor(dueMs / 1000));
    assert.equal(Number(task?.dispatchDeadline?.seconds), 120);
  });

  it('moves more than a page, of a queue that is disabled, too', async () => {
    const all = Array.from({ length: 450 }, (_, index) => String(index)).sort();
    await Promise.all(all.map((body) => put(body, clock.now() + 10 * minuteMs)));
    tasks.setRunState(from, 'DISABLED');
    assert.equal(await moveTasks(client, { from, to, url }), all.length);
    assert.deepEqual(await bodies(from), []);
    assert.deepEqual(await bodies(to), all);
  });

  it('loses none where it is cut off: each is in one queue or in both, and the next run ends it', async () => {
    const all = Array.from({ length: 60 }, (_, index) => String(index)).sort();
    await Promise.all(all.map((body) => put(body, clock.now() + 10 * minuteMs)));
    for (const method of ['CreateTask', 'DeleteTask']) {
      faults.add({ service: 'tasks', method, code: 7, rate: 0.3, forMs: minuteMs, phase: 'before' });
      await assert.rejects(moveTasks(client, { from, to, url }));
      faults.clear();
      const [left, moved] = [await bodies(from), await bodies(to)];
      assert.deepEqual([...new Set([...left, ...moved])].sort(), all);
    }
    await moveTasks(client, { from, to, url });
    assert.deepEqual(await bodies(from), []);
    assert.deepEqual([...new Set(await bodies(to))].sort(), all);
  });

  it('takes it well that a task is worked on meanwhile', async () => {
    await put('a', clock.now() + 10 * minuteMs);
    faults.add({ service: 'tasks', method: 'DeleteTask', code: 5, rate: 1, forMs: minuteMs, phase: 'after' });
    assert.equal(await moveTasks(client, { from, to, url }), 1);
    assert.deepEqual(await bodies(to), ['a']);
  });
});
