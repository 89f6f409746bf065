import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { discoverFunctions } from '../../local/functions/discovery.ts';
import { resolveParams } from '../../local/functions/manifest.ts';
import { apiKeysSecret } from '../../local/keys.ts';
import { OffsetClock } from '../../local/shared/clock.ts';
import { Faults } from '../../local/shared/faults.ts';
import { type LocalTasks, startTasks } from '../../local/tasks/index.ts';

const root = join(import.meta.dirname, '../..');

describe('the start of ingest', () => {
  let tasks: LocalTasks;
  before(async () => {
    execFileSync(process.execPath, [join(root, 'scripts/build.ts')]);
    const clock = new OffsetClock();
    const queues = [{ name: 'projects/demo-start/locations/us-central1/queues/flush' }];
    tasks = await startTasks({ port: 0, clock, faults: new Faults(clock), queues });
  });
  after(() => tasks.close());

  it('loads neither Firestore nor Storage, also not to acknowledge a response', async () => {
    const functionsDir = join(root, 'functions');
    const manifest = await discoverFunctions({
      functionsDir,
      projectId: 'demo-start',
      storageBucket: 'demo-start',
    });
    const params = resolveParams(manifest, { LOG_LEVEL: 'ERROR' });
    const looked = [
      '@google-cloud/firestore',
      '@google-cloud/storage',
      '@google-cloud/tasks',
      'firebase-admin/lib/firestore',
      'firebase-admin/lib/storage',
    ];
      '@google-cloud/firestore',
      'firebase-admin',
      '@google-cloud/storage',
      '@google-cloud/tasks',
    ];
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [join(import.meta.dirname, 'loaded.ts'), functionsDir, ...looked],
      {
        env: {
          PATH: process.env['PATH'],
          API_KEYS: apiKeysSecret([{ id: 'one', role: 'miner', key: 'a-key' }]),
          GCLOUD_PROJECT: 'demo-start',
          FIREBASE_CONFIG: JSON.stringify({ projectId: 'demo-start', storageBucket: 'demo-start' }),
          METADATA_SERVER_DETECTION: 'none',
          SLUICE_TASKS_HOST: `127.0.0.1:${tasks.port}`,
          SLUICE_FUNCTIONS_URL: 'http://127.0.0.1:9',
          ...params,
        },
      },
    );
    const { status, body, atStart, atFirstAnswer } = JSON.parse(stdout);
    assert.equal(status, 202, body);
    assert.deepEqual(atStart, []);
    assert.deepEqual(atFirstAnswer, ['@google-cloud/tasks']);
    assert.equal(tasks.usage().operations > 0, true);
  });
});
