import { cleanUp } from '../files/cleanup.ts';
import { cleanupRoutes } from '../files/cleanupRoutes.ts';
import { DirectUploads } from '../files/direct.ts';
import { stagedLog } from '../files/fileLog.ts';
import { maxBodyUploadBytes, maxFileRequests, maxMultipartExtraBytes } from '../files/limits.ts';
import { FileLookup } from '../files/lookup.ts';
import { Redirects } from '../files/redirects.ts';
import { type CallersFiles, fileRoutes } from '../files/routes.ts';
import { FileSaver } from '../files/saving.ts';
import { FileSecret } from '../files/secret.ts';
import type { HttpHandler } from '../http/handler.ts';
import type { Route } from '../http/route.ts';
import { speechRoutes } from '../miners/speechRoutes.ts';
import { healthRoutes } from '../operator/statusRoutes.ts';
import { base, clock, ids } from './base.ts';
import { fileObjects } from './bucket.ts';
import { documentsFor } from './database.ts';
import { serve, speakers, stager, stamps } from './http.ts';

/** Takes and gives files. */
export function start(): HttpHandler {
  const maxBodyBytes = maxBodyUploadBytes + maxMultipartExtraBytes;
  return serve([...routes(), ...healthRoutes()], {
    maxBodyBytes,
    maxHeldBytes: maxFileRequests * maxBodyBytes,
  });
}

/** Its routes; `api` describes them too. */
export function routes(): Route[] {
  const { config, logger, objects: control } = base();
  const objects = fileObjects();
  const documents = documentsFor('api');
  const log = stagedLog(stager());
  const files = { objects, documents, log, stamps: stamps(), clock, logger };
  const own = filesWith(files, config.inlineFileMaxBytes);
  const cleanup = { ...files, control, uploads: own.direct };
  const secret = new FileSecret(control);
  return [
    ...fileRoutes({
      ...own,
      miners: filesWith({ ...files, documents: documentsFor('miner') }, config.inlineFileMaxBytes),
      removal: files,
      objects,
      redirects: config.fileDelivery === 'stream' ? undefined : new Redirects(objects, clock, logger),
      ids,
      secret,
      maxFileBytes: config.maxFileBytes,
    }),
    ...cleanupRoutes((maxAgeMs) => cleanUp(cleanup, { maxAgeMs, isThorough: true })),
    ...speechRoutes({
      saver: own.saver,
      objects,
      secret,
      stager: stager(),
      stamps: stamps(),
      speakers: speakers(),
      maxFileBytes: config.maxFileBytes,
    }),
  ];
}

function filesWith(
  files: ConstructorParameters<typeof DirectUploads>[0],
  inlineMaxBytes: number,
): CallersFiles {
  return {
    saver: new FileSaver({ ...files, inlineMaxBytes }),
    direct: new DirectUploads(files),
    lookup: new FileLookup(files),
  };
}
