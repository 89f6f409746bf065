import { resumeIfDue } from '../operator/pause.ts';
import { sweepSpool } from '../staging/spool.ts';
import { base } from './base.ts';
import { flushQueueControl } from './queue.ts';

/** Ends a pause that is over, and puts spooled carriers back. */
export function start(): () => Promise<void> {
  const queueControl = flushQueueControl();
  return async () => {
    try {
      if (queueControl !== undefined) await resumeIfDue({ ...base(), queueControl });
    } finally {
      await sweepSpool(base());
    }
  };
}
