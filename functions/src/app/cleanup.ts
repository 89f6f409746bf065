import { cleanUp } from '../files/cleanup.ts';
import { stagedLog } from '../files/fileLog.ts';
import { temporaryMs } from '../files/limits.ts';
import { base, clock } from './base.ts';
import { fileObjects } from './bucket.ts';
import { documentsFor } from './database.ts';
import { stager } from './http.ts';

/** Comparing objects with documents may take a lease, whose ledger is written: once a day. */
const thoroughHour = 3;

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
    const isThorough = new Date(clock.now()).getUTCHours() === thoroughHour;
    await cleanUp(options, { maxAgeMs: temporaryMs, isThorough });
  };
}
