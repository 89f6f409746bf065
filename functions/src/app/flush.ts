import { operationKind } from '../documents/kind.ts';
import { createFlush } from '../flush/createFlush.ts';
import type { Dispatch } from '../flush/delivery.ts';
import { taskKind } from '../tasks/kind.ts';
import { base } from './base.ts';
import { documentsFor, meter } from './database.ts';

/** Works on carriers. */
export function start(): (dispatch: Dispatch) => Promise<void> {
  const parts = base();
  const { config, ids } = parts;
  const { taskRetentionMs: retentionMs, orphansPerKeyPerDay: orphansPerKey } = config;
  return createFlush({
    ...parts,
    kinds: [taskKind({ ...parts, rules: config, retentionMs, orphansPerKey }), operationKind(config)],
    documents: documentsFor('flush'),
    instance: ids.uuid(),
    spent: () => meter.of('flush'),
  });
}
