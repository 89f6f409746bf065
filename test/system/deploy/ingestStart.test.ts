import assert from 'node:assert/strict';
import { OffsetClock } from '../../../local/shared/clock.ts';
import { Faults } from '../../../local/shared/faults.ts';
import { type LocalTasks, startTasks } from '../../../local/tasks/index.ts';
import { build } from '../../support/build.ts';
import { projectId, runDeployed } from './child.ts';

const lookedFor = ['@google-cloud/firestore', '@google-cloud/storage', 'firebase-admin', 'zod'];

interface Start {
  status: number;
  body: string;
  atStart: string[];
  atFirstAnswer: string[];
}

describe('the start of ingest', () => {
  let tasks: LocalTasks;
  before(async () => {
    build();
    const clock = new OffsetClock();
    const queues = [{ name: `projects/${projectId}/locations/us-central1/queues/sluice-flush` }];
    tasks = await startTasks({ port: 0, clock, faults: new Faults(clock), queues });
  });
  after(() => tasks.close());

  it('loads neither Firestore nor Storage nor the Admin SDK, also not to acknowledge a response', async () => {
    const { status, body, atStart, atFirstAnswer } = await runDeployed<Start>('loaded.ts', lookedFor, {
      SLUICE_TASKS_HOST: `127.0.0.1:${tasks.port}`,
    });
    assert.equal(status, 202, body);
    assert.deepEqual(atStart, []);
    assert.deepEqual(atFirstAnswer, []);
    assert.ok(tasks.usage().operations > 0);
  });
});
