import { operationKind } from '../documents/kind.ts';
import { createFlush } from '../flush/createFlush.ts';
import { DeadLetters } from '../flush/deadLetters.ts';
import type { Dispatch } from '../flush/delivery.ts';
import { taskKind } from '../tasks/kind.ts';
import { base, clock, ids } from './base.ts';
import { documentsFor, meter } from './database.ts';

/** Works on carriers. */
export function start(): (dispatch: Dispatch) => Promise<void> {
  const { config, logger, objects, outbox } = base();
  const { flushTickMs: tickMs, taskRetentionMs: retentionMs, orphansPerKeyPerDay: orphansPerKey } = config;
  const deadLetters = new DeadLetters(objects, clock, logger);
  const parts = { outbox, deadLetters, objects, clock, logger };
  return createFlush({
    ...parts,
    kinds: [
      taskKind({ ...parts, ids, rules: config, retentionMs, orphansPerKey }),
      operationKind(config, deadLetters),
    ],
    documents: documentsFor('flush'),
    instance: ids.uuid(),
    tickMs,
    spent: () => meter.of('flush'),
  });
}
