import { spooledHandler } from '../staging/spool.ts';
import { base } from './base.ts';

/** Puts carriers back that were spooled. */
export function start(): (name: string, spooledMs: number) => Promise<void> {
  return spooledHandler(base());
}
