import { FileFiguresReader } from '../files/figures.ts';
import type { HttpHandler } from '../http/handler.ts';
import { openapiRoute } from '../http/openapiRoute.ts';
import type { Route } from '../http/route.ts';
import { minerRoutes } from '../miners/taskRoutes.ts';
import { controlRoutes } from '../operator/controlRoutes.ts';
import { DeadLetterBox } from '../operator/deadLetterBox.ts';
import { deadLetterRoutes } from '../operator/deadLetterRoutes.ts';
import { StatusReader } from '../operator/status.ts';
import { healthRoutes, statusRoutes } from '../operator/statusRoutes.ts';
import type { DocumentStore } from '../platform/documents.ts';
import { quotaRoutes } from '../quota/routes.ts';
import { OpenTaskFeed } from '../tasks/feed.ts';
import { TaskReader } from '../tasks/reading.ts';
import { readRoutes } from '../tasks/readRoutes.ts';
import { base, clock, ids } from './base.ts';
import { fileObjects } from './bucket.ts';
import { days, documentsFor, ledger, meter, quotaReader, throttle } from './database.ts';
import { acceptingRoutes, ownRoutes, serve, speakers, stamps } from './http.ts';
import { flushQueueControl } from './queue.ts';

/** Answers everything. */
export function start(): HttpHandler {
  const documents = documentsFor('api');
  const routes = [...acceptingRoutes(), ...readingRoutes(documents), ...controllingRoutes(documents)];
  const described = async (): Promise<Route[]> => {
    const files = await import('./files.ts');
    return [...routes, ...ownRoutes(), ...files.routes()];
  };
  return serve([...routes, openapiRoute(described)]);
}

function readingRoutes(documents: DocumentStore): Route[] {
  const { config, objects, logger } = base();
  const { readCacheMs, flushTickMs: tickMs } = config;
  return [
    ...readRoutes({
      documents,
      clock,
      reader: new TaskReader({ documents, objects, clock, readCacheMs, tickMs }),
    }),
    ...minerRoutes({
      feed: new OpenTaskFeed({ documents: documentsFor('miner'), clock, logger, readCacheMs }),
      speakers: speakers(),
    }),
  ];
}

function controllingRoutes(documents: DocumentStore): Route[] {
  const { config, objects, outbox, logger } = base();
  const { bufferTimeoutMs, minResponsesToFlush, flushTickMs: tickMs } = config;
  const control = flushQueueControl();
  const status = new StatusReader({
    queueControl: control,
    objects,
    clock,
    logger,
    meter,
    quota: quotaReader(),
    files: new FileFiguresReader({ objects: fileObjects(), control: objects, documents, clock }),
    bufferTimeoutMs,
    minResponsesToFlush,
    operationsBufferSize: config.operationsBufferSize,
    operationsFlushMs: config.operationsFlushMs,
  });
  const { responseInlineMaxBytes } = config;
  const shared = { objects, outbox, clock, ids, logger, tickMs };
  const box = new DeadLetterBox({ ...shared, stamps: stamps(), responseInlineMaxBytes });
  return [
    ...controlRoutes({ outbox, objects, queueControl: control, clock, logger, tickMs }),
    ...statusRoutes({ status }),
    ...quotaRoutes({
      ...{ ledger: ledger(), reader: quotaReader(), days: days() },
      ...{ throttle: throttle(), clock, ids },
    }),
    ...deadLetterRoutes({ box }),
    ...healthRoutes(),
  ];
}
