import assert from 'node:assert/strict';
import { Firestore } from '@google-cloud/firestore';
import { carrierOf, carrierToWire, eventLine } from '../../../functions/src/events/carrier.ts';
import type { Event } from '../../../functions/src/events/event.ts';
import { startFirestore } from '../../../local/firestore/index.ts';
import { OffsetClock } from '../../../local/shared/clock.ts';
import { Faults } from '../../../local/shared/faults.ts';
import { startStorage } from '../../../local/storage/index.ts';
import { startTasks } from '../../../local/tasks/index.ts';
import { build } from '../../support/build.ts';
import { created, packLines, response } from '../../support/events.ts';
import { projectId, runDeployed } from './child.ts';

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
      name: `projects/${projectId}/locations/us-central1/queues/sluice-${name}`,
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

  /** A carrier as it is dispatched. */
  async function dispatched(...events: Event[]): Promise<string> {
    const packed = await packLines(events.map(eventLine));
    const header = { schema: 1, dueMs: Date.now(), count: events.length, oldest: events[0]?.stamp };
    return JSON.stringify(carrierToWire(carrierOf({ ...header, packed })));
  }

  it('flush writes what a carrier holds, and sweep finds nothing to do', async () => {
    const at = Date.now();
    const events = [
      created('wrapped', at, { task_type: 'tts', required_miner_count: 2 }),
      response('wrapped', at + 1, 0),
      response('wrapped', at + 2, 7),
    ];
    assert.deepEqual(await runDeployed<Ends>('wrapped.ts', [await dispatched(...events)], services), {
      flushed: 'done',
      swept: 'done',
    });
    const task = (await firestore.doc('tasks/wrapped').get()).data();
    assert.equal(task?.['status'], 'completed');
    assert.deepEqual(Object.keys(task?.['miner_responses'] ?? {}), ['0', '7']);
  });

  it('flush gives its lease back when its instance is told to end', async () => {
    const data = await dispatched(created('ended', Date.now(), {}, { visibility: 'prompt' }));
    await runDeployed<object>('terminated.ts', [data], services);
    assert.ok((await firestore.doc('tasks/ended').get()).exists);
    const ledger = JSON.parse((await firestore.doc('quota/ledger').get()).get('ledger')) as {
      leases: { holder: string }[];
    };
    // The instance of the test before was not told.
    assert.equal(new Set(ledger.leases.map(({ holder }) => holder)).size, 1);
  });
});
