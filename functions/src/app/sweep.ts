import { resumeIfDue } from '../operator/pause.ts';
import { sweepSpool } from '../staging/spool.ts';
import { base, clock } from './base.ts';
import { flushQueueControl } from './queue.ts';

/** The work of each minute. */
export function start(): () => Promise<void> {
  const { objects, queues, logger } = base();
  const control = flushQueueControl();
  return async () => {
    try {
      if (control !== undefined) await resumeIfDue({ objects, queueControl: control, clock, logger });
    } finally {
      await sweepSpool({ objects, queues, clock, logger });
    }
  };
}
