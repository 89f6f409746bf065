import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';
import type { Clock } from '../../../functions/src/platform/clock.ts';
import { cloudObjects } from '../../../functions/src/platform/cloudStorage.ts';
import { taskQueue } from '../../../functions/src/platform/cloudTasks.ts';
import { firestoreClient, firestoreDocuments } from '../../../functions/src/platform/firestore.ts';
import { queueControl } from '../../../functions/src/platform/queueControl.ts';
import { startFirestore } from '../../../local/firestore/index.ts';
import { OffsetClock } from '../../../local/shared/clock.ts';
import { Faults, type LocalServiceName } from '../../../local/shared/faults.ts';
import { startStorage } from '../../../local/storage/index.ts';
import { startTasks } from '../../../local/tasks/index.ts';

export const bucketName = 'demo.appspot.com';
export const queue = { projectId: 'demo', region: 'us-central1', functionName: 'flush' };
export const limitMs = 2_000;

/** The functions' own copy of the Admin SDK: where they look for an app, the tests must make it. */
const { deleteApp, getApps, initializeApp } = createRequire(
  new URL('../../../functions/src/platform/firestore.ts', import.meta.url),
)('firebase-admin/app') as typeof import('firebase-admin/app');

export interface Services {
  clock: OffsetClock;
  faults: Faults;
  /** Resolves when a call has met a fault. */
  met(): Promise<void>;
  restoreEnv(): void;
  close(): Promise<void>;
}

/** The three services on this machine, where the adapters' environment says, on one clock that a test moves. */
export async function startServices(): Promise<Services> {
  const clock = new OffsetClock();
  const faults = new Faults(clock);
  const options = { port: 0, clock, faults };
  const name = `projects/demo/locations/us-central1/queues/flush`;
  const firestore = await startFirestore({ ...options, projectId: 'demo' });
  const tasks = await startTasks({ ...options, queues: [{ name }] });
  const storage = await startStorage({ ...options, buckets: [bucketName] });
  const saved = { ...process.env };
  Object.assign(process.env, {
    METADATA_SERVER_DETECTION: 'none',
    FIRESTORE_EMULATOR_HOST: `127.0.0.1:${firestore.port}`,
    STORAGE_EMULATOR_HOST: `http://127.0.0.1:${storage.port}`,
    GOOGLE_APPLICATION_CREDENTIALS: await storage.keyFile('demo'),
    SLUICE_TASKS_HOST: `127.0.0.1:${tasks.port}`,
  });
  initializeApp({ projectId: 'demo' });
  const objects = cloudObjects(bucketName, { clock, limitMs });
  object.generation = (await objects.put('there', Buffer.from('first second'))).generation;
  let tell = (): void => {};
  const wait = faults.wait.bind(faults);
  faults.wait = (hit) => {
    tell();
    return wait(hit);
  };
  return {
    clock,
    faults,
    met: () =>
      new Promise((resolve) => {
        tell = resolve;
      }),
    restoreEnv: () => {
      process.env = saved;
    },
    close: async () => {
      process.env = saved;
      for (const app of getApps()) await deleteApp(app);
      await Promise.all([firestore.close(), tasks.close(), storage.close()]);
    },
  };
}

/** An adapter, its service, and a call of each of its methods, ready to be made. */
export interface Adapter {
  service: LocalServiceName;
  make(clock: Clock): object;
  calls: Record<string, (adapter: never) => Promise<unknown>>;
}

/** A case for each method of an adapter, checked by its type. */
function adapter<Of extends object>(
  service: LocalServiceName,
  make: (clock: Clock) => Of,
  calls: { [Method in keyof Of]-?: (adapter: Of) => Promise<unknown> },
): Adapter {
  return { service, make, calls };
}

const write = { path: 'c/a', ifVersion: 'any', changes: [{ path: ['n'], value: 1 }] } as const;
const query = { collection: 'c', filters: [], orderBy: [], limit: 2 };
/** An object that is there from the start. */
const object = { name: 'there', generation: '' };
const facts = { contentType: 'text/plain', contentDisposition: 'inline', labels: {} };

export const adapters: Record<string, Adapter> = {
  objects: adapter('storage', (clock) => cloudObjects(bucketName, { clock, limitMs }), {
    describe: (objects) => objects.describe('there'),
    get: (objects) => objects.get('there'),
    getIfChanged: (objects) => objects.getIfChanged('there', ''),
    open: async (objects) => text(await objects.open(object)),
    put: (objects) => objects.put('new', Buffer.from('x')),
    startUpload: (objects) => objects.startUpload('upload', 10, facts),
    signedUrl: (objects) => objects.signedUrl('there', Date.now() + 60_000, Date.now()),
    label: (objects) => objects.label(object, { a: 'b' }),
    setCustomTime: (objects) => objects.setCustomTime('there', Date.UTC(2030, 0)),
    delete: (objects) => objects.delete('gone'),
    list: (objects) => objects.list('', { limit: 2 }),
  }),
  documents: adapter('firestore', (clock) => firestoreDocuments({ clock, limitMs }), {
    read: (documents) => documents.read(['c/a', 'c/b'], 'test'),
    commit: (documents) => documents.commit([{ ...write, changes: [...write.changes] }], 'test'),
    commitIfAbsent: (documents) => documents.commitIfAbsent([], ['c/absent'], 'test'),
    query: (documents) => documents.query(query, 'test'),
    count: (documents) => documents.count(query, 'test'),
  }),
  queue: adapter('tasks', (clock) => taskQueue({ ...queue, serviceAccount: '', clock, limitMs }), {
    put: (tasks) => tasks.put({ n: 1 }, Date.now() + 3_600_000),
  }),
  'queue control': adapter(
    'tasks',
    (clock) => {
      const control = queueControl({ ...queue, clock, limitMs });
      if (control === undefined) throw new Error('The shell names the official Tasks emulator.');
      return control;
    },
    {
      pause: (control) => control.pause(),
      resume: (control) => control.resume(),
      stats: (control) => control.stats(),
      list: (control) => control.list(10),
      run: async (control) => {
        const [task] = (await control.list(1)).tasks;
        if (task !== undefined) await control.run(task.name);
      },
    },
  ),
};

/** Adapters of one client, each with a limit of its own. */
export function sharing(clock: Clock): Record<'queue' | 'documents', (limitMs: number) => object> {
  const client = firestoreClient();
  return {
    queue: (limitMs) => taskQueue({ ...queue, serviceAccount: '', clock, limitMs }),
    documents: (limitMs) => firestoreDocuments({ clock, limitMs }, client),
  };
}
