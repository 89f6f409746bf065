import { cleanUp } from '../files/cleanup.ts';
import { DirectUploads } from '../files/direct.ts';
import { stagedLog } from '../files/fileLog.ts';
import { temporaryMs } from '../files/limits.ts';
import { removeLostSpeech } from '../miners/lostSpeech.ts';
import { base, clock } from './base.ts';
import { fileObjects } from './bucket.ts';
import { documentsFor } from './database.ts';
import { stager, stamps } from './http.ts';

/** Comparing objects with documents may take a lease, whose ledger is written: once a day. */
const thoroughHour = 3;

/** The work of each hour. */
export function start(): () => Promise<void> {
  const { logger, objects: control } = base();
  const files = {
    objects: fileObjects(),
    documents: documentsFor('worker'),
    log: stagedLog(stager()),
    stamps: stamps(),
    clock,
    logger,
  };
  const options = { ...files, control, uploads: new DirectUploads(files) };
  return async () => {
    const isThorough = new Date(clock.now()).getUTCHours() === thoroughHour;
    await cleanUp(options, { maxAgeMs: temporaryMs, isThorough });
    if (isThorough) await removeLostSpeech(files);
  };
}
