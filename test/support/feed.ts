import { OpenTaskFeed, type OpenTaskFeedOptions } from '../../functions/src/tasks/feed.ts';
import type { Backend } from './api.ts';

/** A feed of a back end's tasks, read anew every 5 s. */
export function feedOf(backend: Backend, options: Partial<OpenTaskFeedOptions> = {}): OpenTaskFeed {
  const { documents, clock, logger } = backend;
  const objects = backend.objects.connect();
  return new OpenTaskFeed({ objects, documents, clock, logger, readCacheMs: 5_000, ...options });
}
