import { projectID } from 'firebase-functions/params';
import { fileFigures } from '../files/figures.ts';
import type { HttpHandler } from '../http/handler.ts';
import { openapiRoute } from '../http/openapiRoute.ts';
import type { Route } from '../http/route.ts';
import { controlRoutes } from '../operator/controlRoutes.ts';
import { deadLetterRoutes } from '../operator/deadLetterRoutes.ts';
import { healthRoutes, statusRoutes } from '../operator/statusRoutes.ts';
import type { DocumentStore } from '../platform/documents.ts';
import { quotaRoutes } from '../quota/routes.ts';
import { erasureRoutes } from '../tasks/erasureRoutes.ts';
import { TaskReader } from '../tasks/reading.ts';
import { readRoutes } from '../tasks/readRoutes.ts';
import { base, clock } from './base.ts';
import { days, documentsFor, ledger, meter, quotaReader, throttle } from './database.ts';
import { fileObjects } from './fileParts.ts';
import { acceptingRoutes, ownRoutes, serve, stager, stamps } from './http.ts';
import { pollingRoutes } from './polls.ts';
import { flushQueueControl } from './queue.ts';

/** Answers everything but files, and describes those too. */
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
  const { readCacheMs } = base().config;
  const reader = new TaskReader({ ...base(), documents, readCacheMs });
  return [...readRoutes({ documents, clock, reader }), ...pollingRoutes('api')];
}

function controllingRoutes(documents: DocumentStore): Route[] {
  const { config } = base();
  const queueControl = flushQueueControl();
  const quota = quotaReader();
  const files = { read: fileFigures({ objects: fileObjects(), documents, clock }) };
  const { responseInlineMaxBytes } = config;
  return [
    ...controlRoutes({ ...base(), queueControl }),
    ...statusRoutes({ ...base(), projectId: projectID.value(), queueControl, meter, quota, files }),
    ...quotaRoutes({ ...base(), ledger: ledger(), reader: quota, days: days(), throttle: throttle() }),
    ...erasureRoutes({ stager: stager(), stamps: stamps() }),
    ...deadLetterRoutes({ ...base(), stamps: stamps(), responseInlineMaxBytes }),
    ...healthRoutes(),
  ];
}
