import { createFlush } from '../flush/createFlush.ts';
import type { Dispatch } from '../flush/delivery.ts';
import { base } from './base.ts';
import { documentsFor, meter } from './database.ts';
import { documentKinds } from './kinds.ts';

/** Works on carriers. */
export function start(): (dispatch: Dispatch) => Promise<void> {
  const parts = base();
  const { config, ids } = parts;
  const { taskRetentionMs: retentionMs, orphansPerKeyPerDay: orphansPerKey } = config;
  return createFlush({
    ...parts,
    kinds: documentKinds({ ...parts, rules: config, retentionMs, orphansPerKey }),
    documents: documentsFor('flush'),
    instance: ids.uuid(),
    meter,
  });
}
