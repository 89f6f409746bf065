import { storageBucket } from 'firebase-functions/params';
import { onRequest } from 'firebase-functions/v2/https';
import { onSchedule } from 'firebase-functions/v2/scheduler';
import { onObjectFinalized } from 'firebase-functions/v2/storage';
import { onTaskDispatched } from 'firebase-functions/v2/tasks';
import { apiKeys, region } from './config.ts';
import { isFileObject } from './files/fileId.ts';
import { maxFileRequests } from './files/limits.ts';
import { keepBodiesFor } from './http/guard.ts';
import { once } from './platform/once.ts';

/** Each function's wiring is loaded by its first request: neither by the others nor while the CLI discovers the functions. */
const wiring = {
  ingest: once(async () => (await import('./app/ingest.ts')).start()),
  api: once(async () => (await import('./app/api.ts')).start()),
  flush: once(async () => (await import('./app/flush.ts')).start()),
  expire: once(async () => (await import('./app/expire.ts')).start()),
  files: once(async () => (await import('./app/files.ts')).start()),
  filed: once(async () => (await import('./app/fileFinalized.ts')).start()),
  sweep: once(async () => (await import('./app/sweep.ts')).start()),
  cleanup: once(async () => (await import('./app/cleanup.ts')).start()),
};

keepBodiesFor(['ingest', 'api', 'files']);

/** Accepts responses, tasks and fields: durable in Cloud Tasks when acknowledged, without a Firestore operation. */
export const ingest = onRequest(
  {
    region,
    invoker: 'public',
    secrets: [apiKeys],
    cpu: 1,
    memory: '1GiB',
    concurrency: 300,
    maxInstances: 20,
    timeoutSeconds: 60,
  },
  async (request, response) => (await wiring.ingest())(request, response),
);

/** Everything else of the HTTP contract: reading, status, control, keys. */
export const api = onRequest(
  {
    region,
    invoker: 'public',
    secrets: [apiKeys],
    cpu: 1,
    memory: '512MiB',
    concurrency: 250,
    maxInstances: 10,
    timeoutSeconds: 60,
  },
  async (request, response) => (await wiring.api())(request, response),
);

/** Files, in bodies of up to 30 MiB: as many at once as fit into its memory. */
export const files = onRequest(
  {
    region,
    invoker: 'public',
    secrets: [apiKeys],
    cpu: 1,
    memory: '1GiB',
    concurrency: maxFileRequests,
    maxInstances: 80,
    timeoutSeconds: 300,
  },
  async (request, response) => (await wiring.files())(request, response),
);

/** Each object that is complete: a file’s document is written, an upload that is not as declared is removed. */
export const filed = onObjectFinalized(
  { region, bucket: storageBucket, cpu: 1, memory: '512MiB', concurrency: 80, maxInstances: 5, retry: true },
  async ({ data, time }) => {
    // Every object of the bucket is announced; most are no files.
    if (isFileObject(data.name)) await (await wiring.filed())(data, Date.parse(time));
  },
);

/** Writes the events of carriers to Firestore. One instance, so that what arrives together is written together. */
export const flush = onTaskDispatched(
  {
    region,
    cpu: 1,
    memory: '1GiB',
    concurrency: 500,
    maxInstances: 1,
    timeoutSeconds: 120,
    rateLimits: { maxConcurrentDispatches: 400, maxDispatchesPerSecond: 500 },
    retryConfig: { maxAttempts: -1, minBackoffSeconds: 1, maxBackoffSeconds: 60, maxDoublings: 6 },
  },
  async (request) => (await wiring.flush())(request),
);

/** Turns deadlines that have come into events for `flush`. */
export const expire = onTaskDispatched(
  {
    region,
    memory: '512MiB',
    maxInstances: 1,
    timeoutSeconds: 60,
    rateLimits: { maxConcurrentDispatches: 40, maxDispatchesPerSecond: 100 },
    retryConfig: { maxAttempts: -1, minBackoffSeconds: 10, maxBackoffSeconds: 600, maxDoublings: 6 },
  },
  async (request) => (await wiring.expire())(request),
);

/** Each minute: puts carriers that were spooled while Cloud Tasks failed back into it. */
export const sweep = onSchedule(
  {
    region,
    schedule: 'every 1 minutes',
    memory: '512MiB',
    maxInstances: 1,
    timeoutSeconds: 60,
    retryCount: 0,
  },
  async () => (await wiring.sweep())(),
);

/** Each hour: what nobody needs of files. */
export const cleanup = onSchedule(
  {
    region,
    schedule: 'every 1 hours',
    memory: '512MiB',
    maxInstances: 1,
    timeoutSeconds: 540,
    retryCount: 0,
  },
  async () => (await wiring.cleanup())(),
);
