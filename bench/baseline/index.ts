/**
 * The baseline that `ingest` is measured against: the same server, authentication and body
 * reading, with other handlers.
 */
import { getApps, initializeApp } from 'firebase-admin/app';
import { getFirestore } from 'firebase-admin/firestore';
import { storageBucket } from 'firebase-functions/params';
import { onRequest } from 'firebase-functions/v2/https';
import { apiKeys, region } from '../../functions/src/config.ts';
import { readJson } from '../../functions/src/http/body.ts';
import { type HttpHandler, httpHandler } from '../../functions/src/http/handler.ts';
import type { ApiRequest, ApiResponse } from '../../functions/src/http/route.ts';
import { keyAuthenticator } from '../../functions/src/keys/auth.ts';
import { KeyStore } from '../../functions/src/keys/keyStore.ts';
import { systemClock as clock } from '../../functions/src/platform/clock.ts';
import { cloudObjects } from '../../functions/src/platform/cloudStorage.ts';
import { randomIds as ids } from '../../functions/src/platform/ids.ts';
import { jsonLogger } from '../../functions/src/platform/logger.ts';

const options = {
  region,
  invoker: 'public' as const,
  secrets: [apiKeys],
  cpu: 1,
  memory: '1GiB' as const,
  concurrency: 300,
  maxInstances: 1,
};

/** Parses and answers, nothing else. */
export const echo = onRequest(
  options,
  serving(async (request) => {
    readJson(request);
    return { status: 202, json: { accepted: 1, rejected: [] } };
  }),
);

/** Updates the task in Firestore for each response: one write, without the reads that the plain way makes first. */
export const direct = onRequest(
  options,
  serving(async (request) => {
    const response = readJson(request) as { task_id: string; miner_uid: number };
    const database = getFirestore(getApps()[0] ?? initializeApp());
    const changes = { miner_responses: { [response.miner_uid]: response } };
    await database.doc(`tasks/${response.task_id}`).set(changes, { merge: true });
    return { status: 202, json: { accepted: 1, rejected: [] } };
  }),
);

function serving(handle: (request: ApiRequest) => Promise<ApiResponse>): HttpHandler {
  let handler: HttpHandler | undefined;
  const make = (): HttpHandler => {
    const logger = jsonLogger((line) => process.stdout.write(line), 'WARNING');
    const objects = cloudObjects(storageBucket.value(), { clock, limitMs: 1000 });
    const keys = new KeyStore({ firstKeys: () => apiKeys.value(), objects, clock, logger });
    return httpHandler({
      routes: [{ method: 'POST', path: '/v1/responses', access: ['ingest', 'miner'], handle }],
      authenticator: keyAuthenticator(keys, clock),
      logger,
      clock,
      ids,
    });
  };
  return async (request, response) => {
    handler ??= make();
    await handler(request, response);
  };
}
