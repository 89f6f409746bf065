import assert from 'node:assert/strict';
import { Firestore } from '@google-cloud/firestore';
import { carrierOf, carrierToWire, eventLine, packLines } from '../../functions/src/events/carrier.ts';
import { startFirestore } from '../../local/firestore/index.ts';
import { OffsetClock } from '../../local/shared/clock.ts';
import { Faults } from '../../local/shared/faults.ts';
import { startStorage } from '../../local/storage/index.ts';
import { startTasks } from '../../local/tasks/index.ts';
import { created, response } from '../support/events.ts';
import { build, projectId, runDeployed } from './child.ts';

// Off the cloud, the clients would look for a metadata server.
process.env['METADATA_SERVER_DETECTION'] ??= 'none';

interface Ends {
  flushed: string;
  swept: string;
}

describe('the built functions, called by firebase-functions-test', () => {
  const closers: (() => Promise<unknown>)[] = [];
  const services: Record<string, string> = {};
  let firestore: Firestore;

  before(async () => {
    build();
    const clock = new OffsetClock();
    const service = { port: 0, clock, faults: new Faults(clock) };
    const buckets = [`${projectId}.firebasestorage.app`];
    const queues = ['flush', 'expire'].map((name) => ({
      name: `projects/${projectId}/locations/us-central1/queues/${name}`,
    }));
    const [documents, objects, tasks] = await Promise.all([
      startFirestore(service),
      startStorage({ ...service, buckets }),
      startTasks({ ...service, queues }),
    ]);
    services['FIRESTORE_EMULATOR_HOST'] = `127.0.0.1:${documents.port}`;
    services['STORAGE_EMULATOR_HOST'] = `http://127.0.0.1:${objects.port}`;
    services['SLUICE_TASKS_HOST'] = `127.0.0.1:${tasks.port}`;
    firestore = new Firestore({ projectId, host: `127.0.0.1:${documents.port}`, ssl: false });
    closers.push(
      () => firestore.terminate(),
      () => documents.close(),
      () => objects.close(),
      () => tasks.close(),
    );
  });
  after(async () => {
    for (const close of closers) await close();
  });

  it('flush writes what a carrier holds, and sweep finds nothing to do', async () => {
    const at = Date.now();
    const events = [
      created('wrapped', at, { task_type: 'tts', required_miner_count: 2 }),
      response('wrapped', at + 1, 0),
      response('wrapped', at + 2, 7),
    ];
    const packed = await packLines(events.map(eventLine));
    const wire = carrierToWire(
      carrierOf({ schema: 1, dueMs: at, count: 3, oldest: events[0]?.stamp, packed }),
    );
    assert.deepEqual(await runDeployed<Ends>('wrapped.ts', [JSON.stringify(wire)], services), {
      flushed: 'done',
      swept: 'done',
    });
    const task = (await firestore.doc('tasks/wrapped').get()).data();
    assert.equal(task?.['status'], 'completed');
    assert.deepEqual(Object.keys(task?.['miner_responses'] ?? {}), ['0', '7']);
  });
});
