import { projectID, storageBucket } from 'firebase-functions/params';
import { apiKeys, type Config, readConfig, region } from './config.ts';
import { StampSource } from './events/stamp.ts';
import { TaskBodies } from './flush/bodies.ts';
import { TaskCommitter } from './flush/commit.ts';
import { controlRoutes } from './flush/controlRoutes.ts';
import { DeadLetters } from './flush/deadLetters.ts';
import { DeadlineBook } from './flush/deadlines.ts';
import { Flusher } from './flush/flusher.ts';
import { type Dispatch, expireHandler, flushHandler } from './flush/handlers.ts';
import { maxCacheBytes } from './flush/limits.ts';
import { TaskCache } from './flush/taskCache.ts';
import { keyAuthenticator } from './http/auth.ts';
import { type HttpHandler, httpHandler } from './http/handler.ts';
import { KeyStore } from './http/keyStore.ts';
import { keysRoutes } from './http/keys.ts';
import type { Route } from './http/route.ts';
import { systemClock } from './platform/clock.ts';
import { cloudObjects } from './platform/cloudStorage.ts';
import { cloudTasksClient, type TaskQueue, taskQueue } from './platform/cloudTasks.ts';
import { randomIds } from './platform/ids.ts';
import { jsonLogger, type Logger, severityOf } from './platform/logger.ts';
import type { ObjectStore } from './platform/objects.ts';
import { type QueueControl, queueControl } from './platform/queueControl.ts';
import { meteredDocuments, OperationMeter } from './quota/meter.ts';
import { groupStager } from './staging/groupStager.ts';
import { storageTimeoutMs, tasksTimeoutMs } from './staging/limits.ts';
import { Outbox, type QueueName } from './staging/outbox.ts';
import { resumeIfDue } from './staging/pause.ts';
import { sweepSpool } from './staging/spool.ts';
import { statusTimeoutMs } from './status/limits.ts';
import { healthRoutes, statusRoutes } from './status/routes.ts';
import { StatusReader } from './status/status.ts';
import { OpenTaskFeed } from './tasks/feed.ts';
import { ingestRoutes } from './tasks/ingestRoutes.ts';
import { minerRoutes } from './tasks/minerRoutes.ts';
import { TaskReader } from './tasks/reading.ts';
import { readRoutes } from './tasks/readRoutes.ts';

/** What every function of a process shares. Nothing here has loaded a Google client yet. */
interface Base {
  config: Config;
  logger: Logger;
  objects: ObjectStore;
  queues: Record<QueueName, TaskQueue>;
  outbox: Outbox;
}

const clock = systemClock;
const ids = randomIds;

const base = once((): Base => {
  const config = readConfig();
  const logger = jsonLogger((line) => process.stdout.write(line), severityOf(config.logLevel));
  const objects = cloudObjects(storageBucket.value(), storageTimeoutMs);
  const queueOf = (functionName: QueueName): TaskQueue =>
    taskQueue({
      projectId: projectID.value(),
      region,
      functionName,
      serviceAccount: config.tasksServiceAccount,
      timeoutMs: tasksTimeoutMs,
    });
  const queues = { flush: queueOf('flush'), expire: queueOf('expire') };
  const outbox = new Outbox({ queues, objects, clock, ids, logger });
  const { tasksServiceAccount: _, ...limits } = config;
  logger.info('Started', { limits });
  return { config, logger, objects, queues, outbox };
});

const meter = new OperationMeter();

/** The one way to Firestore, loaded when first used. */
const documents = meteredDocuments(async () => {
  const { firestoreDocuments } = await import('./platform/firestore.ts');
  return firestoreDocuments();
}, meter);

/** Accepts events. */
export const ingest = once((): HttpHandler => {
  void cloudTasksClient().catch(() => undefined);
  return serve(acceptingRoutes());
});

/** Answers everything, as Hosting cannot tell methods apart. */
export const api = once(
  (): HttpHandler => serve([...acceptingRoutes(), ...readingRoutes(), ...controllingRoutes()]),
);

/** Works on carriers. */
export const flush = once((): ((dispatch: Dispatch) => Promise<void>) => {
  const { config, logger, objects, outbox } = base();
  const { flushTickMs: tickMs, taskTimeoutMs, taskRetentionMs: retentionMs } = config;
  const cache = new TaskCache(maxCacheBytes);
  const bodies = new TaskBodies({ objects, clock, ids, logger, retentionMs });
  const deadLetters = new DeadLetters(objects, clock, logger);
  const committer = new TaskCommitter({
    documents,
    cache,
    clock,
    taskTimeoutMs,
    retentionMs,
    shrink: (state) => bodies.shrink(state),
    keepOverflow: (overflow) => deadLetters.keepOverflow(overflow),
  });
  const flusher = new Flusher({
    committer,
    bodies,
    deadlines: new DeadlineBook(outbox),
    deadLetters,
    cache,
    outbox,
    clock,
    logger,
    rules: config,
    tickMs,
  });
  return flushHandler({ flusher, deadLetters, outbox, objects, clock, logger, tickMs });
});

/** Works on deadlines. */
export const expire = once((): ((dispatch: Dispatch) => Promise<void>) => {
  const { config, logger, objects, outbox } = base();
  return expireHandler({ outbox, objects, clock, logger, tickMs: config.flushTickMs });
});

/** What is done each minute. */
export const sweep = once((): (() => Promise<void>) => {
  const { objects, queues, logger } = base();
  const control = flushQueueControl();
  return async () => {
    await sweepSpool({ objects, queues, logger });
    if (control !== undefined) await resumeIfDue({ objects, queueControl: control, clock, logger });
  };
});

function acceptingRoutes(): Route[] {
  const { config, objects, outbox } = base();
  const stager = groupStager({
    objects,
    outbox,
    clock,
    ids,
    lingerMs: config.groupLingerMs,
    tickMs: config.flushTickMs,
    responseInlineMaxBytes: config.responseInlineMaxBytes,
  });
  return ingestRoutes({ stager, stamps: new StampSource(clock, ids.instance()), ids });
}

function readingRoutes(): Route[] {
  const { config, objects, logger } = base();
  const { readCacheMs, flushTickMs: tickMs } = config;
  return [
    ...readRoutes({
      documents,
      clock,
      reader: new TaskReader({ documents, objects, clock, readCacheMs, tickMs }),
    }),
    ...minerRoutes({ documents, clock, feed: new OpenTaskFeed({ documents, clock, logger, readCacheMs }) }),
  ];
}

function controllingRoutes(): Route[] {
  const { config, objects, outbox, logger } = base();
  const { bufferTimeoutMs, minResponsesToFlush, flushTickMs: tickMs } = config;
  const control = flushQueueControl();
  const status = new StatusReader({
    queueControl: control,
    objects,
    clock,
    logger,
    meter,
    bufferTimeoutMs,
    minResponsesToFlush,
  });
  return [
    ...controlRoutes({ outbox, objects, queueControl: control, clock, logger, tickMs }),
    ...statusRoutes({ status }),
    ...healthRoutes(),
  ];
}

function flushQueueControl(): QueueControl | undefined {
  return queueControl({
    projectId: projectID.value(),
    region,
    functionName: 'flush',
    timeoutMs: statusTimeoutMs,
  });
}

function serve(routes: readonly Route[]): HttpHandler {
  const { config, logger, objects } = base();
  const keys = new KeyStore({ firstKeys: () => apiKeys.value(), objects, clock, logger });
  return httpHandler({
    routes: [...routes, ...keysRoutes({ keys, clock, ids })],
    authenticator: keyAuthenticator(keys),
    logger,
    clock,
    ids,
    limits: { maxBodyBytes: config.maxBodyBytes },
  });
}

function once<Value>(make: () => Value): () => Value {
  let made: { value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
