import type { Dispatch } from '../flush/delivery.ts';
import { resumeIfDue } from '../operator/pause.ts';
import { expireHandler } from '../tasks/expire.ts';
import { base, clock } from './base.ts';
import { flushQueueControl } from './queue.ts';

/** Works on deadlines, and ends pauses. */
export function start(): (dispatch: Dispatch) => Promise<void> {
  const queueControl = flushQueueControl();
  return expireHandler({
    ...base(),
    // The instance's clock may be a little behind the queue's.
    endPause: async (untilMs) =>
      queueControl && resumeIfDue({ ...base(), queueControl }, Math.max(clock.now(), untilMs)),
  });
}
