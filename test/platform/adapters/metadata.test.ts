import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { cloudObjects } from '../../../functions/src/platform/cloudStorage.ts';
import { taskQueue } from '../../../functions/src/platform/cloudTasks.ts';
import { AppError } from '../../../functions/src/platform/errors.ts';
import { type LocalMetadata, startMetadata } from '../../../local/metadata/index.ts';
import { OffsetClock } from '../../../local/shared/clock.ts';
import { Faults } from '../../../local/shared/faults.ts';
import { bucketName, limitMs, queue } from './services.ts';

describe('a metadata server that hangs', () => {
  const clock = new OffsetClock();
  const faults = new Faults(clock);
  const saved = { ...process.env };
  let metadata: LocalMetadata;

  before(async () => {
    metadata = await startMetadata({ port: 0, faults, projectId: 'demo', serviceAccount: 'me@demo.invalid' });
    // As in the cloud, where clients ask it without a limit.
    Object.assign(process.env, {
      GCE_METADATA_HOST: metadata.host,
      METADATA_SERVER_DETECTION: 'assume-present',
      K_SERVICE: 'flush',
      GCLOUD_PROJECT: 'demo',
    });
    for (const name of ['GOOGLE_APPLICATION_CREDENTIALS', 'SLUICE_TASKS_HOST', 'STORAGE_EMULATOR_HOST'])
      delete process.env[name];
  });
  after(() => {
    process.env = saved;
    return metadata.close();
  });

  const calls: Record<string, () => Promise<unknown>> = {
    'a token for Cloud Storage': () => cloudObjects(bucketName, { clock, limitMs }).get('a'),
    'the account that signs addresses': () =>
      cloudObjects(bucketName, { clock, limitMs }).signedUrl('a', Date.now() + 60_000, Date.now()),
    'the credentials of Cloud Tasks': () =>
      taskQueue({ ...queue, serviceAccount: '', clock, limitMs }).put({}, Date.now()),
  };
  for (const [what, make] of Object.entries(calls)) {
    it(`costs only the calls of that time: ${what}`, async () => {
      const asked = (): number => [...metadata.asked.values()].reduce((sum, times) => sum + times, 0);
      for (let time = 0; time < 2; time += 1) {
        faults.add({ service: 'metadata', hang: true, rate: 1, forMs: 3_600_000, phase: 'before' });
        const before = asked();
        const outcome = make().then(
          () => 'answered',
          (error: unknown) => error,
        );
        // The second time is asked anew, not left waiting for the first.
        while (asked() === before) await nextTurn();
        clock.setOffsetMs(clock.offsetMs() + 60_000);
        const error = await outcome;
        assert.ok(error instanceof AppError && error.code === 'unavailable', String(error));
        faults.clear();
      }
    });
  }
});
