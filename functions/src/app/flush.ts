import { operationKind } from '../documents/kind.ts';
import { createFlush } from '../flush/createFlush.ts';
import { DeadLetters } from '../flush/deadLetters.ts';
import type { Dispatch } from '../flush/delivery.ts';
import { taskKind } from '../tasks/kind.ts';
import { base } from './base.ts';
import { documentsFor, meter } from './database.ts';

/** Works on carriers. */
export function start(): (dispatch: Dispatch) => Promise<void> {
  const { config, objects, clock, logger, ids } = base();
  const { taskRetentionMs: retentionMs, orphansPerKeyPerDay: orphansPerKey } = config;
  const deadLetters = new DeadLetters(objects, clock, logger);
  const parts = { ...base(), deadLetters };
  return createFlush({
    ...parts,
    kinds: [
      taskKind({ ...parts, rules: config, retentionMs, orphansPerKey }),
      operationKind(config, deadLetters),
    ],
    documents: documentsFor('flush'),
    instance: ids.uuid(),
    spent: () => meter.of('flush'),
  });
}
