import { type Dispatch, expireHandler } from '../flush/handlers.ts';
import { base, clock } from './base.ts';

/** Works on deadlines. */
export function start(): (dispatch: Dispatch) => Promise<void> {
  const { config, logger, objects, outbox } = base();
  return expireHandler({ outbox, objects, clock, logger, tickMs: config.flushTickMs });
}
