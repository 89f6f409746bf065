import { cleanUp } from '../files/cleanup.ts';
import { cleanupRoutes } from '../files/cleanupRoutes.ts';
import { signedAddresses } from '../files/content.ts';
import { maxBodyUploadBytes, maxFileRequests, maxMultipartExtraBytes } from '../files/limits.ts';
import { fileRoutes } from '../files/routes.ts';
import { fileSecret } from '../files/secret.ts';
import type { HttpHandler } from '../http/handler.ts';
import type { Route } from '../http/route.ts';
import { speechRoutes } from '../miners/speechRoutes.ts';
import { healthRoutes } from '../operator/statusRoutes.ts';
import { cleanupFirstPurpose } from '../quota/leasedDocuments.ts';
import { base, clock, ids } from './base.ts';
import { documentsFor, meter } from './database.ts';
import { fileParts } from './fileParts.ts';
import { serve, speakers, stager } from './http.ts';

/** Takes and gives files. */
export function start(): HttpHandler {
  const maxBodyBytes = maxBodyUploadBytes + maxMultipartExtraBytes;
  return serve([...routes(), ...healthRoutes()], {
    maxBodyBytes,
    maxHeldBytes: maxFileRequests * maxBodyBytes,
  });
}

/** The routes of `files`; `api` describes them too. */
export function routes(): Route[] {
  const { config, objects } = base();
  const { inlineFileMaxBytes: inlineMaxBytes, maxFileBytes } = config;
  const parts = { ...fileParts('api'), secret: fileSecret(objects), maxFileBytes };
  const cleanup = { ...parts, firstPurpose: cleanupFirstPurpose };
  return [
    ...fileRoutes({
      ...parts,
      noteStored: () => meter.countWork({ files: 1 }),
      inlineMaxBytes,
      minersDocuments: documentsFor('miner'),
      addressOf: config.fileDelivery === 'stream' ? undefined : signedAddresses(parts),
      ids,
    }),
    ...cleanupRoutes(clock, (maxAgeMs) => cleanUp(cleanup, { maxAgeMs, isThorough: true, isAsked: true })),
    ...speechRoutes({ ...parts, stager: stager(), speakers: speakers() }),
  ];
}
