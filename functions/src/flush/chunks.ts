import type { BilledType } from '../quota/operations.ts';
import type { CommitJob } from './commitResult.ts';
import type { Plan, Snapshot } from './kind.ts';
import { maxCommitBytes, maxCommitDocuments } from './limits.ts';

export interface Prepared {
  job: CommitJob;
  snapshot: Snapshot;
  plan: Plan;
}

/** Documents that may share commits. */
interface Queue {
  needs: readonly BilledType[];
  items: Prepared[];
}

/**
 * Divides plans by the operations that their commit needs. A plan that needs a transaction, and the reads of
 * one, shares no commit with one that does not; neither does one that needs deletes. So each goes on while what
 * only others need is spent.
 */
export function queuesOf(prepared: readonly Prepared[]): Queue[] {
  const others: BilledType[][] = [[], ['reads'], ['deletes'], ['reads', 'deletes']];
  return others.map((types) => ({
    needs: ['writes', ...types],
    items: prepared.filter(({ plan: { writes, ifAbsent } }) => {
      const hasDelete = writes.some(({ changes }) => changes === 'deleted');
      return types.includes('reads') === ifAbsent.length > 0 && types.includes('deletes') === hasDelete;
    }),
  }));
}

/** Takes what fits one commit of so many documents off a queue. */
export function takeChunk(queue: Prepared[], size: number): Prepared[] {
  const chunk: Prepared[] = [];
  let bytes = 0;
  for (const item of queue) {
    const isFull =
      chunk.length >= Math.min(size, maxCommitDocuments) || bytes + item.plan.bytes > maxCommitBytes;
    if (chunk.length > 0 && isFull) break;
    chunk.push(item);
    bytes += item.plan.bytes;
  }
  queue.splice(0, chunk.length);
  return chunk;
}
