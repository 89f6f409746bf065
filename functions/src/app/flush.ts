import { TaskBodies } from '../flush/bodies.ts';
import { TaskCommitter } from '../flush/commit.ts';
import { DeadLetters } from '../flush/deadLetters.ts';
import { DeadlineBook } from '../flush/deadlines.ts';
import { Flusher } from '../flush/flusher.ts';
import { type Dispatch, flushHandler } from '../flush/handlers.ts';
import { maxCacheBytes } from '../flush/limits.ts';
import { TaskCache } from '../flush/taskCache.ts';
import { base, clock, ids } from './base.ts';
import { documentsFor } from './database.ts';

/** Works on carriers. */
export function start(): (dispatch: Dispatch) => Promise<void> {
  const { config, logger, objects, outbox } = base();
  const { flushTickMs: tickMs, taskTimeoutMs, taskRetentionMs: retentionMs } = config;
  const cache = new TaskCache(maxCacheBytes);
  const bodies = new TaskBodies({ objects, clock, ids, logger, retentionMs });
  const deadLetters = new DeadLetters(objects, clock, logger);
  const committer = new TaskCommitter({
    documents: documentsFor('worker'),
    cache,
    clock,
    taskTimeoutMs,
    retentionMs,
    shrink: (state) => bodies.shrink(state),
    keepOverflow: (overflow) => deadLetters.keepOverflow(overflow),
  });
  const flusher = new Flusher({
    committer,
    bodies,
    deadlines: new DeadlineBook(outbox),
    deadLetters,
    cache,
    outbox,
    clock,
    logger,
    rules: config,
    tickMs,
  });
  return flushHandler({ flusher, deadLetters, outbox, objects, clock, logger, tickMs });
}
