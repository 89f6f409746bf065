import assert from 'node:assert/strict';
import { Storage } from '@google-cloud/storage';
import { type LocalStack, startStack } from '../../../local/stack.ts';
import { advanceUntil, callStack } from '../../support/advance.ts';

// Off the cloud, the clients would look for a metadata server.
process.env['METADATA_SERVER_DETECTION'] ??= 'none';

const unavailableCode = 14;
const outageMs = 4 * 60_000;
const scheduleMs = 15 * 60_000;

describe('an outage of Cloud Tasks', function () {
  this.timeout(120_000);
  let stack: LocalStack;

  before(async () => {
    stack = await startStack({ ports: 'free', quiet: true });
  });
  after(() => stack.close());

  it('leaves nothing in the spool once it is over, long before the schedule of sweep', async () => {
    // The schedule comes at whole quarters of an hour.
    await stack.advance(scheduleMs - (stack.now() % scheduleMs) + 60_000);
    const startedMs = stack.now();
    stack.addFault({
      ...{ service: 'tasks', method: 'CreateTask', code: unavailableCode },
      ...{ rate: 1, forMs: outageMs, phase: 'before' },
    });
    const ids: string[] = [];
    for (let number = 0; number < 6; number += 1) {
      const { status, json } = await callStack(stack, 'ingest', 'POST', '/v1/tasks?visibility=prompt', {
        task_type: 'test',
      });
      assert.equal(status, 202);
      ids.push(String(json['task_id']));
      await stack.advance(30_000);
    }
    const bucket = new Storage({
      projectId: 'demo-sluice',
      apiEndpoint: stack.clientEnv['STORAGE_EMULATOR_HOST'] ?? '',
    }).bucket('demo-sluice.firebasestorage.app');
    const spooled = async (): Promise<number> => (await bucket.getFiles({ prefix: 'spool/' }))[0].length;
    assert.ok((await spooled()) >= ids.length);
    await stack.advance(startedMs + outageMs - stack.now());
    const isWritten = async (): Promise<boolean> => {
      const answers = await Promise.all(ids.map((id) => callStack(stack, 'read', 'GET', `/v1/tasks/${id}`)));
      return answers.every(({ status }) => status === 200);
    };
    await advanceUntil(stack, isWritten, { stepMs: 10_000, steps: 30 });
    assert.equal(await spooled(), 0);
    assert.ok(stack.now() - startedMs < scheduleMs - 60_000, 'before the schedule');
  });
});
