import type { HttpHandler } from '../http/handler.ts';
import type { Route } from '../http/route.ts';
import { minerRoutes } from '../miners/taskRoutes.ts';
import { validatorRoutes } from '../miners/validatorRoutes.ts';
import { OpenTaskFeed } from '../tasks/feed.ts';
import { feedPageSize, maxCompletedBytes, maxFeedBytes } from '../tasks/readLimits.ts';
import { base } from './base.ts';
import { documentsFor, meter } from './database.ts';
import { serve, speakers } from './http.ts';
import { memoryMib, sizeOf } from './sizes.ts';

/** Answers polls: all that Hosting has no copy of. */
export function start(): HttpHandler {
  return serve(pollingRoutes('polls'));
}

/** The routes that miners and validators poll; `api` has them too, for callers of its own address. */
export function pollingRoutes(functionName: 'polls' | 'api'): Route[] {
  const { readCacheMs, pollCacheMs } = base().config;
  // All of the feed is for an instance of 1 GiB.
  const share = Math.min(1, memoryMib(sizeOf(functionName)) / 1024);
  const bounds = {
    maxBytes: maxFeedBytes * share,
    pageSize: Math.ceil(feedPageSize * share),
    maxCompletedBytes: maxCompletedBytes * Math.min(1, 2 * share),
  };
  const feed = new OpenTaskFeed({ ...base(), documents: documentsFor('miner'), readCacheMs, ...bounds });
  const routes = [
    ...minerRoutes({ feed, speakers: speakers(), readCacheMs, pollCacheMs }),
    ...validatorRoutes({ feed, pollCacheMs }),
  ];
  return routes.map((route) => ({
    ...route,
    handle: (request) => {
      meter.countWork({ polls: 1 });
      return route.handle(request);
    },
  }));
}
