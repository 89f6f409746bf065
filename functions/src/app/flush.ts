import { operationKind } from '../documents/kind.ts';
import { Attempts } from '../flush/attempts.ts';
import { Committer } from '../flush/committer.ts';
import { DeadLetters } from '../flush/deadLetters.ts';
import type { Dispatch } from '../flush/delivery.ts';
import { DocumentCache } from '../flush/documentCache.ts';
import { Flusher } from '../flush/flusher.ts';
import { flushHandler } from '../flush/handlers.ts';
import { maxDocumentCacheBytes, maxReadBytes, maxTaskCacheBytes } from '../flush/limits.ts';
import { TaskBodies } from '../tasks/bodies.ts';
import { DeadlineBook } from '../tasks/deadlines.ts';
import { taskKind } from '../tasks/kind.ts';
import { OrphanCounter } from '../tasks/orphans.ts';
import { base, clock, ids } from './base.ts';
import { documentsFor, meter } from './database.ts';

/** Works on carriers. */
export function start(): (dispatch: Dispatch) => Promise<void> {
  const { config, logger, objects, outbox } = base();
  const { flushTickMs: tickMs, taskTimeoutMs, taskRetentionMs: retentionMs } = config;
  const bodies = new TaskBodies({ objects, clock, ids, logger, retentionMs });
  const deadLetters = new DeadLetters(objects, clock, logger);
  const documents = documentsFor('flush');
  const orphans = new OrphanCounter({ objects, clock, logger, maxPerKey: config.orphansPerKeyPerDay });
  const flusher = new Flusher({
    tasks: new Committer({
      kind: taskKind({
        taskTimeoutMs,
        retentionMs,
        shrink: (state, maxBytes) => bodies.shrink(state, maxBytes),
        keepOverflow: (overflow, kept) => {
          orphans.countOverflow(overflow, kept);
          return deadLetters.keepOverflow(overflow);
        },
        keepUndecidable: (events) => deadLetters.keepUndecidable(events),
      }),
      documents,
      cache: new DocumentCache(maxTaskCacheBytes),
      maxReadBytes,
      clock,
    }),
    documents: new Committer({
      kind: operationKind({ keepUndecidable: (operations) => deadLetters.keepUndecidable(operations) }),
      documents,
      cache: new DocumentCache(maxDocumentCacheBytes),
      maxReadBytes,
      clock,
    }),
    bodies,
    deadlines: new DeadlineBook(outbox, clock),
    deadLetters,
    orphans,
    outbox,
    clock,
    logger,
    rules: config,
    tickMs,
    spent: () => meter.of('flush'),
  });
  const attempts = new Attempts({ objects, clock, instance: ids.uuid() });
  return flushHandler({ flusher, deadLetters, attempts, outbox, objects, clock, logger, tickMs });
}
