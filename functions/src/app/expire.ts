import type { Dispatch } from '../flush/delivery.ts';
import { resumeIfDue } from '../operator/pause.ts';
import { expireHandler } from '../tasks/expire.ts';
import { base, clock } from './base.ts';
import { flushQueueControl } from './queue.ts';

/** Works on deadlines, and ends pauses. */
export function start(): (dispatch: Dispatch) => Promise<void> {
  const { config, objects, outbox, logger } = base();
  const queueControl = flushQueueControl();
  return expireHandler({
    outbox,
    clock,
    tickMs: config.flushTickMs,
    // The instance's clock may be a little behind the queue's.
    endPause: async (untilMs) =>
      queueControl && resumeIfDue({ objects, queueControl, clock, logger }, Math.max(clock.now(), untilMs)),
  });
}
