import { EventEmitter } from 'node:events';
import { Firestore } from '@google-cloud/firestore';
import { Storage } from '@google-cloud/storage';
import { CloudTasksClient, type protos } from '@google-cloud/tasks';
import { credentials } from '@grpc/grpc-js';
import { unfold } from '../../../functions/src/events/carrierReader.ts';
import type { LocalStack } from '../../../local/stack.ts';

// Off the cloud, the clients would look for a metadata server; Storage's puts 11 listeners on each download.
EventEmitter.defaultMaxListeners = 20;
process.env['METADATA_SERVER_DETECTION'] ??= 'none';

/** All that a stack's services hold, by place; what is compressed is unfolded, bytes are text. */
export type Dump = Map<string, string>;

export interface Services {
  dump(): Promise<Dump>;
  /** The tasks in the queue of `flush`, as they are. */
  queued(): Promise<protos.google.cloud.tasks.v2.ITask[]>;
  /** Puts tasks into that queue again, due now. */
  putAgain(tasks: readonly protos.google.cloud.tasks.v2.ITask[]): Promise<void>;
  /** Takes all tasks out of both queues. */
  purge(): Promise<void>;
  bucket: ReturnType<Storage['bucket']>;
  close(): Promise<void>;
}

const queue = (name: string): string => `projects/demo-sluice/locations/us-central1/queues/sluice-${name}`;

export function servicesOf({ clientEnv }: Pick<LocalStack, 'clientEnv'>): Services {
  const { FIRESTORE_EMULATOR_HOST: database = '', SLUICE_TASKS_HOST: tasksAt = '' } = clientEnv;
  const [host = '', port] = database.split(':');
  const firestore = new Firestore({ projectId: 'demo-sluice', host, port: Number(port), ssl: false });
  const bucket = new Storage({
    projectId: 'demo-sluice',
    apiEndpoint: clientEnv['STORAGE_EMULATOR_HOST'] ?? '',
  }).bucket('demo-sluice.firebasestorage.app');
  const [apiEndpoint = '', tasksPort] = tasksAt.split(':');
  const sslCreds = credentials.createInsecure();
  const tasks = new CloudTasksClient({ projectId: 'p', apiEndpoint, port: Number(tasksPort), sslCreds });
  const list = async (name: string) =>
    (await tasks.listTasks({ parent: queue(name), responseView: 'FULL' }))[0];
  return {
    bucket,
    queued: () => list('flush'),
    purge: async () => {
      for (const name of ['flush', 'expire']) await tasks.purgeQueue({ name: queue(name) });
    },
    putAgain: async (again) => {
      for (const { httpRequest } of again)
        await tasks.createTask({ parent: queue('flush'), task: { httpRequest: httpRequest ?? null } });
    },
    dump: async () => {
      const found: Dump = new Map();
      for (const collection of await firestore.listCollections()) {
        for (const document of (await collection.get()).docs)
          found.set(document.ref.path, JSON.stringify(readable(document.data())));
      }
      for (const file of (await bucket.getFiles())[0]) {
        const [bytes] = await file.download();
        found.set(file.name, JSON.stringify(file.metadata.metadata ?? {}) + (await unfolded(bytes)));
      }
      for (const name of ['flush', 'expire']) {
        for (const task of await list(name)) {
          const body = Buffer.from((task.httpRequest?.body ?? '') as Uint8Array);
          found.set(String(task.name), await unfolded(body));
        }
      }
      return found;
    },
    close: async () => {
      await Promise.all([firestore.terminate(), tasks.close()]);
    },
  };
}

/** Bytes as text, with what is compressed in them beside. */
async function unfolded(bytes: Buffer): Promise<string> {
  const text = bytes.toString('utf8');
  const packed = [
    bytes,
    ...[...text.matchAll(/"events":"([^"]+)"/g)].map(([, base64 = '']) => Buffer.from(base64, 'base64')),
  ];
  const contents = await Promise.all(packed.map((each) => unfold(each).catch(() => Buffer.alloc(0))));
  return [text, ...contents].join('\n');
}

function readable(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, readable(inner)]));
}
