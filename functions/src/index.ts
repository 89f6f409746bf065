import { storageBucket } from 'firebase-functions/params';
import { onRequest } from 'firebase-functions/v2/https';
import { onSchedule } from 'firebase-functions/v2/scheduler';
import { onObjectFinalized } from 'firebase-functions/v2/storage';
import { onTaskDispatched } from 'firebase-functions/v2/tasks';
import { calledByUrl, queued, wiredBy } from './app/deployed.ts';
import { sizeOf } from './app/sizes.ts';
import { region } from './config.ts';
import { fileIdOfObject } from './files/fileId.ts';
import { keepBodiesFor } from './http/guard.ts';
import { noteRequests } from './platform/origin.ts';
import { isSpoolName } from './staging/spoolName.ts';

noteRequests();
keepBodiesFor(['ingest', 'api', 'polls', 'files']);

/** Accepts responses, tasks and fields: durable in Cloud Tasks when acknowledged, without a Firestore operation. */
export const ingest = onRequest(
  { ...calledByUrl, ...sizeOf('ingest'), timeoutSeconds: 60 },
  wiredBy(() => import('./app/ingest.ts')),
);

/** Answers everything else of the HTTP contract: reading, status, control, keys. */
export const api = onRequest(
  { ...calledByUrl, ...sizeOf('api'), timeoutSeconds: 60 },
  wiredBy(() => import('./app/api.ts')),
);

/** Answers miners and validators that ask for tasks; Hosting asks it only where it has no copy of its answer. */
export const polls = onRequest(
  { ...calledByUrl, ...sizeOf('polls'), timeoutSeconds: 60 },
  wiredBy(() => import('./app/polls.ts')),
);

/** Takes and gives files, in bodies of up to 30 MiB: as many at once as fit into its memory. */
export const files = onRequest(
  { ...calledByUrl, ...sizeOf('files'), timeoutSeconds: 300 },
  wiredBy(() => import('./app/files.ts')),
);

const finalize = wiredBy(() => import('./app/finalize.ts'));
const spooled = wiredBy(() => import('./app/spooled.ts'));

/**
 * Handles each object that is complete: writes a file’s document, removes an upload that is not as declared; puts a
 * spooled carrier back into Cloud Tasks, again and again for a day while that fails.
 */
export const filed = onObjectFinalized(
  { region, ...sizeOf('filed'), bucket: storageBucket, timeoutSeconds: 60, retry: true },
  async ({ data, time }) => {
    // Every object of the bucket is announced; most are neither.
    if (fileIdOfObject(data.name) !== undefined) await finalize(data, Date.parse(time));
    else if (isSpoolName(data.name)) await spooled(data.name, Date.parse(time));
  },
);

/** Writes the events of carriers to Firestore. One instance, so that what arrives together is written together. */
export const flush = onTaskDispatched(
  queued('flush', { timeoutSeconds: 120, perSecond: 500, leastPauseSeconds: 1, mostPauseSeconds: 60 }),
  wiredBy(() => import('./app/flush.ts')),
);

/** Turns deadlines that have come into events for `flush`, and ends its pause. */
export const expire = onTaskDispatched(
  queued('expire', { timeoutSeconds: 60, perSecond: 100, leastPauseSeconds: 10, mostPauseSeconds: 600 }),
  wiredBy(() => import('./app/expire.ts')),
);

/** Puts spooled carriers back whose events were lost, and ends pauses whose tasks were: each quarter of an hour. */
export const sweep = onSchedule(
  { region, ...sizeOf('sweep'), schedule: 'every 15 minutes', timeoutSeconds: 60, retryCount: 0 },
  wiredBy(() => import('./app/sweep.ts')),
);

/** Removes what nobody needs of files, each hour. */
export const cleanup = onSchedule(
  { region, ...sizeOf('cleanup'), schedule: 'every 1 hours', timeoutSeconds: 540, retryCount: 0 },
  wiredBy(() => import('./app/cleanup.ts')),
);
