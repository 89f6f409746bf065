import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { CloudTasksClient } from '@google-cloud/tasks';
import { credentials } from '@grpc/grpc-js';
import { OffsetClock } from '../../../local/shared/clock.ts';
import { Faults } from '../../../local/shared/faults.ts';
import { type LocalTasks, startTasks } from '../../../local/tasks/index.ts';
import { findQueues, isApiDisabled, whatWouldBeLost } from '../../../scripts/deploy/queueCheck.ts';
import {
  type DeployedFunction,
  whatGoes,
  whatWouldBeReplaced,
} from '../../../scripts/google/deployedFunctions.ts';

process.env['METADATA_SERVER_DETECTION'] ??= 'none';

const root = join(import.meta.dirname, '../../..');
const queue = (region: string, name: string): string => `projects/p/locations/${region}/queues/${name}`;
const flush = queue('us-central1', 'flush');
const moved = queue('europe-west1', 'flush');
const deleted = queue('us-central1', 'old');

const full = (name: string, isDisabled = false) => ({ name, isDisabled, holdsTasks: true });
const empty = (name: string, isDisabled = false) => ({ name, isDisabled, holdsTasks: false });

function losses(found: ReturnType<typeof full>[]): string[] {
  return whatWouldBeLost({ declared: [flush], found });
}

describe('what a deploy would lose', () => {
  it('is nothing at the first deploy, nor while every queue keeps its function', () => {
    assert.deepEqual(losses([]), []);
    assert.deepEqual(losses([full(flush)]), []);
  });

  it('is what waits for a function that was deleted, renamed or moved, its queue live or disabled', () => {
    assert.match(losses([full(deleted)])[0] ?? '', /queues\/old holds tasks, and no function/);
    assert.match(losses([full(moved, true)])[0] ?? '', /europe-west1.*no function/);
    assert.equal(losses([full(deleted), full(moved), full(flush)]).length, 2);
  });

  it('is what a disabled queue holds whose function comes again', () => {
    assert.match(losses([full(flush, true)])[0] ?? '', /disabled and holds tasks.*purge/);
  });

  it('is nothing in empty queues', () => {
    assert.deepEqual(losses([empty(deleted), empty(flush, true)]), []);
  });
});

describe('what a deploy would replace or delete', () => {
  const declared = ['sluice-api', 'sluice-flush'].map((id) => ({
    id,
    region: 'us-central1',
    isQueue: false,
    vcpus: 1,
  }));
  const there = (
    codebase: string | undefined,
    id = 'sluice-api',
    region = 'us-central1',
  ): DeployedFunction => ({
    id,
    region,
    isQueue: false,
    isActive: true,
    codebase,
    url: '',
    variables: [],
    keysVersion: undefined,
  });

  it('is nothing of its own, nor what has another name or region', () => {
    const others = [there('default', 'api'), there('default', 'sluice-api', 'europe-west1')];
    assert.deepEqual(whatWouldBeReplaced(declared, [there('sluice'), ...others]), []);
    assert.deepEqual(whatGoes(declared, [there('sluice'), ...others]), []);
  });

  it('is what somebody else deployed under the same name', () => {
    assert.match(
      whatWouldBeReplaced(declared, [there('default')])[0] ?? '',
      /sluice-api .*code base default/,
    );
    assert.match(whatWouldBeReplaced(declared, [there(undefined)])[0] ?? '', /not by the Firebase CLI/);
    // Both have the same Cloud Run service.
    assert.equal(whatWouldBeReplaced(declared, [there('default', 'sluice-Api')]).length, 1);
  });

  it('deletes what is its own and in the code no more', () => {
    const gone = there('sluice', 'sluice-old');
    assert.deepEqual(whatGoes(declared, [gone, there('sluice')]), [gone]);
  });
});

describe('finding queues', () => {
  let tasks: LocalTasks;
  let client: CloudTasksClient;
  const faults = new Faults(new OffsetClock());

  before(async () => {
    const queues = [{ name: flush }, { name: moved }, { name: deleted }];
    tasks = await startTasks({ port: 0, clock: new OffsetClock(), faults, queues });
    const sslCreds = credentials.createInsecure();
    client = new CloudTasksClient({ apiEndpoint: '127.0.0.1', port: tasks.port, sslCreds, projectId: 'p' });
  });
  after(async () => {
    await client.close();
    await tasks.close();
  });

  it('asks each queue that there is whether it holds a task', async () => {
    await client.pauseQueue({ name: moved });
    const httpRequest = { url: 'http://127.0.0.1:9/', httpMethod: 'POST' as const };
    await client.createTask({ parent: moved, task: { httpRequest } });
    const found = await findQueues(client, [flush, deleted, moved, queue('asia-east1', 'flush')]);
    assert.deepEqual(found, [empty(flush), empty(deleted), full(moved)]);
  });

  it('fails when it cannot tell, and knows a project without Cloud Tasks', async () => {
    faults.add({ service: 'tasks', code: 7, rate: 1, forMs: 60_000, phase: 'before' });
    await assert.rejects(findQueues(client, [flush]), (error) => !isApiDisabled(error));
    assert.ok(isApiDisabled(Object.assign(new Error('Not used before'), { reason: 'SERVICE_DISABLED' })));
  });
});

describe('the predeploy check', () => {
  function run(env: Record<string, string>): Promise<{ code: number; output: string }> {
    return new Promise((resolve) => {
      const child = execFile(
        process.execPath,
        [join(root, 'scripts/predeployCheck.ts')],
        { env: { PATH: process.env['PATH'], METADATA_SERVER_DETECTION: 'none', ...env } },
        (_, stdout, stderr) => resolve({ code: child.exitCode ?? -1, output: stdout + stderr }),
      );
    });
  }

  it('passes for a demo project, and where it is told not to look', async () => {
    assert.equal((await run({ GCLOUD_PROJECT: 'demo-sluice' })).code, 0);
    const skipped = await run({ GCLOUD_PROJECT: 'real', SLUICE_SKIP_QUEUE_CHECK: '1' });
    assert.equal(skipped.code, 0);
    assert.match(skipped.output, /SLUICE_SKIP_QUEUE_CHECK is set/);
  });

  it('refuses where it cannot tell, and says what to do', async () => {
    const { code, output } = await run({ GCLOUD_PROJECT: 'real', HOME: '/nonexistent' });
    assert.equal(code, 1);
    assert.match(output, /Deploy refused: whether it would lose tasks cannot be told/);
    assert.match(output, /firebase login/);
  });
});
