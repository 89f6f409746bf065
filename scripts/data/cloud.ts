import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import { v1 } from '@google-cloud/firestore-api';
import { type Bucket, Storage } from '@google-cloud/storage';
import { CloudTasksClient } from '@google-cloud/tasks';
import { credentials } from '@grpc/grpc-js';
import { systemClock } from '../../functions/src/platform/clock.ts';
import { cachedFor } from '../../functions/src/platform/once.ts';
import { localKeys } from '../../local/keys.ts';
import { fixedPorts } from '../../local/ports.ts';
import { cliAccessToken, tokenClient, tokenCredentials } from '../google/cliCredentials.ts';
import { declaredFunctions } from '../google/declared.ts';
import { GoogleApi } from '../google/googleApi.ts';
import { projectFacts } from '../google/projectFacts.ts';
import { callApi, type Installation } from './api.ts';

/** The services that hold an installation's data, as whoever runs the command reaches them. */
export interface Cloud extends Installation {
  projectId: string;
  firestore: v1.FirestoreClient;
  bucket: Bucket;
  tasks: CloudTasksClient;
  /** Full names of the queues of `flush` and `expire`. */
  queues: { flush: string; expire: string };
  close(): Promise<void>;
}

/** Flags that say where the data is. */
export const cloudOptions = {
  project: { type: 'string' },
  bucket: { type: 'string' },
  url: { type: 'string' },
  key: { type: 'string' },
  local: { type: 'boolean' },
  'port-offset': { type: 'string', default: '0' },
} as const;

interface CloudFlags {
  project?: string | undefined;
  bucket?: string | undefined;
  url?: string | undefined;
  key?: string | undefined;
  local?: boolean | undefined;
  'port-offset': string;
}

const root = join(import.meta.dirname, '../..');

// Storage's client puts 11 listeners on each download, and Node would warn of them.
EventEmitter.defaultMaxListeners = 20;

/** A token is asked for again after this. */
const tokenCacheMs = 60_000;

/**
 * Reaches a project's services as whoever is logged in to the Firebase CLI, or with `--local` the local stack's.
 * @throws Error that says what is missing
 */
export async function openCloud(flags: CloudFlags): Promise<Cloud> {
  if ((flags.project === undefined) !== (flags.local === true)) {
    throw new Error('Say either --project ID or --local.');
  }
  return flags.project === undefined ? await openLocal(flags) : await openProject(flags.project, flags);
}

async function openProject(projectId: string, { bucket, url, key }: CloudFlags): Promise<Cloud> {
  const token = cachedFor(systemClock, tokenCacheMs, () => cliAccessToken(projectId, root));
  const facts = await projectFacts(new GoogleApi(token), projectId, bucket);
  const { functions } = await declaredFunctions(join(root, 'functions'), projectId, facts.bucket);
  const queues = functions.filter(({ isQueue }) => isQueue);
  const queueOf = (name: string): string => {
    const found = queues.find(({ id }) => id.endsWith(name));
    return `projects/${projectId}/locations/${found?.region}/queues/${found?.id}`;
  };
  const options = { projectId, sslCreds: tokenCredentials(token) };
  const base = url ?? `https://${projectId}.web.app`;
  const adminKey = key ?? process.env['SLUICE_ADMIN_KEY'];
  if (url !== undefined && adminKey !== undefined) await checkProject(base, adminKey, projectId);
  return cloudOf({
    projectId,
    firestore: new v1.FirestoreClient(options),
    bucket: new Storage({ projectId, authClient: tokenClient(token) }).bucket(facts.bucket),
    tasks: new CloudTasksClient(options),
    queues: { flush: queueOf('flush'), expire: queueOf('expire') },
    base,
    key: adminKey,
  });
}

/** @throws where the functions at that address are another project's: what is read here would be changed there. */
async function checkProject(base: string, key: string, projectId: string): Promise<void> {
  const { project_id: found } = await callApi<{ project_id?: string }>({ base, key }, 'GET', '/v1/status');
  if (found === projectId) return;
  throw new Error(
    `Expected an address of the project ${projectId}; ${base} is of ${found ?? 'an older version'}.`,
  );
}

/** The stack at the documented ports, so many further on, or where the variables of its services' clients say. */
async function openLocal({ url, key, 'port-offset': offset }: CloudFlags): Promise<Cloud> {
  const ports = fixedPorts(Number(offset));
  const base = url ?? `http://127.0.0.1:${ports.hosting}`;
  await fetch(`${base}/healthz`).catch((cause: unknown) => {
    const mend = '`npm start` starts one; give its --port-offset N here too';
    throw new Error(`No local stack answers at ${base}: ${mend}.`, { cause });
  });
  const { env } = process;
  // Off the cloud, the clients would look for a metadata server.
  env['METADATA_SERVER_DETECTION'] ??= 'none';
  env['STORAGE_EMULATOR_HOST'] ??= `http://127.0.0.1:${ports.storage}`;
  const projectId = env['GCLOUD_PROJECT'] ?? 'demo-sluice';
  const at = (address: string) => {
    const [apiEndpoint = '', port] = address.split(':');
    return { projectId, apiEndpoint, port: Number(port), sslCreds: credentials.createInsecure() };
  };
  const queue = (name: string): string => `projects/${projectId}/locations/us-central1/queues/sluice-${name}`;
  return cloudOf({
    projectId,
    firestore: new v1.FirestoreClient(at(env['FIRESTORE_EMULATOR_HOST'] ?? `127.0.0.1:${ports.firestore}`)),
    bucket: new Storage({ projectId }).bucket(`${projectId}.firebasestorage.app`),
    tasks: new CloudTasksClient(at(env['SLUICE_TASKS_HOST'] ?? `127.0.0.1:${ports.tasks}`)),
    queues: { flush: queue('flush'), expire: queue('expire') },
    base,
    key: key ?? localKeys.find(({ role }) => role === 'admin')?.key,
  });
}

function cloudOf(parts: Omit<Cloud, 'close'>): Cloud {
  // Cloud Storage's client puts 11 listeners on each download's stream, and Node would warn of every one.
  EventEmitter.defaultMaxListeners = Math.max(EventEmitter.defaultMaxListeners, 20);
  const close = async (): Promise<void> => {
    await Promise.all([parts.firestore.close(), parts.tasks.close()]);
  };
  return { ...parts, base: parts.base.replace(/\/$/, ''), close };
}
