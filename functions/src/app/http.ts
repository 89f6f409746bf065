import { apiKeys } from '../config.ts';
import { operationRoutes } from '../documents/routes.ts';
import { StampSource } from '../events/stamp.ts';
import { type HttpHandler, httpHandler } from '../http/handler.ts';
import { defaultHttpLimits, type HttpLimits, maxSharedAnswerMs } from '../http/limits.ts';
import type { Route } from '../http/route.ts';
import { keyAuthenticator } from '../keys/auth.ts';
import { KeyStore } from '../keys/keyStore.ts';
import { keysMaxAgeMs, requestsPerSecond } from '../keys/limits.ts';
import { keysRoutes } from '../keys/routes.ts';
import { answerRoutes } from '../miners/answerRoutes.ts';
import { evaluationRoutes } from '../miners/evaluationRoutes.ts';
import { once } from '../platform/once.ts';
import { groupStager, type Stager } from '../staging/groupStager.ts';
import { maxGroupBytes, maxGroupRequests, maxGroupsInFlight, maxPendingBytes } from '../staging/limits.ts';
import { eventRoutes } from '../tasks/eventRoutes.ts';
import { OrphanKeys } from '../tasks/orphanTally.ts';
import { responseRoutes } from '../tasks/responseRoutes.ts';
import { Speakers } from '../tasks/speaker.ts';
import { writeRoutes } from '../tasks/writeRoutes.ts';
import { base, clock, ids } from './base.ts';
import { ownConcurrency } from './sizes.ts';

/** The process's stamps. */
export const stamps = once(() => new StampSource(clock, ids.instance()));

/** The process's way into the pipeline. */
export const stager = once((): Stager => {
  const { groupLingerMs, groupLingerMaxMs, responseInlineMaxBytes } = base().config;
  // An instance that serves one request at a time has none that could share its carrier.
  const isShared = ownConcurrency() !== 1;
  const linger = { lingerMs: isShared ? groupLingerMs : 0, lingerMaxMs: isShared ? groupLingerMaxMs : 0 };
  const limits = { maxGroupBytes, maxGroupRequests, maxGroupsInFlight, maxPendingBytes, ...linger };
  base().logger.info('Limits of staging', limits);
  return groupStager({ ...base(), ...linger, responseInlineMaxBytes });
});

/** For whom keys speak. */
export const speakers = once(() => {
  const { strictBinding, countUnassignedAnswers, orphansPerKeyPerDay: maxPerKey } = base().config;
  const orphanKeys = new OrphanKeys({ ...base(), maxPerKey });
  return new Speakers({ ...base(), strictBinding, countUnassignedAnswers, orphanKeys });
});

/** The routes that accept events; `api` has them too, as Hosting cannot tell methods apart. */
export function acceptingRoutes(): Route[] {
  const { operationsCollections: collections } = base().config;
  const shared = { clock, stager: stager(), stamps: stamps(), ids, speakers: speakers(), collections };
  return [
    ...responseRoutes(shared),
    ...answerRoutes(shared),
    ...evaluationRoutes(shared),
    ...writeRoutes(shared),
    ...operationRoutes(shared),
    ...eventRoutes(shared),
  ];
}

const keys = once(() => {
  // An answer is made within a second after its key was looked up, or not given again.
  const maxAgeMs = keysMaxAgeMs - base().config.pollCacheMs - maxSharedAnswerMs;
  return new KeyStore({ ...base(), firstKeys: () => apiKeys.value(), maxAgeMs });
});

/** The routes of the keys, which every function has. */
export const ownRoutes = once(() => keysRoutes({ ...base(), keys: keys() }));

/** A handler of these routes and those of the keys, behind authentication. */
export function serve(routes: readonly Route[], own: Partial<HttpLimits> = {}): HttpHandler {
  const limits = { ...defaultHttpLimits, maxBodyBytes: base().config.maxBodyBytes, ...own };
  base().logger.info('Limits of http', { ...limits, requestsPerSecond });
  const authenticator = keyAuthenticator(keys(), clock);
  return httpHandler({ ...base(), routes: [...routes, ...ownRoutes()], authenticator, limits });
}
