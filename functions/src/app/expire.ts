import { type Dispatch, expireHandler } from '../flush/handlers.ts';
import { base, clock } from './base.ts';

/** Works on deadlines. */
export function start(): (dispatch: Dispatch) => Promise<void> {
  const { config, outbox } = base();
  return expireHandler({ outbox, clock, tickMs: config.flushTickMs });
}
