import { cleanUp } from '../files/cleanup.ts';
import { stagedLog } from '../files/fileLog.ts';
import { temporaryMs } from '../files/limits.ts';
import { base, clock } from './base.ts';
import { fileObjects } from './bucket.ts';
import { documentsFor } from './database.ts';
import { stager } from './http.ts';

/** What is done each hour. */
export function start(): () => Promise<void> {
  const { logger, objects: control } = base();
  const options = {
    objects: fileObjects(),
    control,
    documents: documentsFor('worker'),
    log: stagedLog(stager()),
    clock,
    logger,
  };
  return async () => {
    await cleanUp(options, temporaryMs);
  };
}
