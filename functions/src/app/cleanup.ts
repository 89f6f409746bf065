import { cleanUp } from '../files/cleanup.ts';
import { temporaryMs } from '../files/limits.ts';
import { removeLostSpeech } from '../miners/lostSpeech.ts';
import { cleanupFirstPurpose } from '../quota/leasedDocuments.ts';
import { clock } from './base.ts';
import { fileParts } from './fileParts.ts';

/** Comparing objects with documents may take a lease, whose ledger is written: once a day. */
const thoroughHour = 3;

/** Removes what nobody needs of files. */
export function start(): () => Promise<void> {
  const parts = fileParts('worker');
  return async () => {
    const isThorough = new Date(clock.now()).getUTCHours() === thoroughHour;
    const scope = { maxAgeMs: temporaryMs, isThorough, isAsked: false };
    await cleanUp({ ...parts, firstPurpose: cleanupFirstPurpose }, scope);
    if (isThorough) await removeLostSpeech(parts);
  };
}
