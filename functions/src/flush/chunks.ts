import type { Event } from '../events/event.ts';
import type { OperationType } from '../quota/operations.ts';
import type { Known, Plan } from './kind.ts';
import { maxCommitBytes, maxCommitDocuments } from './limits.ts';

/** A document whose events are to be written. */
export interface CommitJob<E extends Event> {
  path: string;
  events: E[];
}

/** What is to be written of it. */
export interface Prepared<E extends Event, State> {
  job: CommitJob<E>;
  known: Known<State>;
  plan: Plan<State>;
}

/** Documents that may share commits. */
interface Queue<E extends Event, State> {
  needs: readonly OperationType[];
  items: Prepared<E, State>[];
}

/**
 * What needs a transaction, and the reads of one, shares no commit with what does not; neither does what needs deletes. So each
 * goes on while what only others need is spent.
 */
export function queuesOf<E extends Event, State>(prepared: readonly Prepared<E, State>[]): Queue<E, State>[] {
  const kinds: OperationType[][] = [
    ['writes'],
    ['writes', 'reads'],
    ['writes', 'deletes'],
    ['writes', 'reads', 'deletes'],
  ];
  return kinds.map((needs) => ({
    needs,
    items: prepared.filter(
      ({ plan }) =>
        needs.includes('reads') === plan.ifAbsent.length > 0 && needs.includes('deletes') === hasDelete(plan),
    ),
  }));
}

function hasDelete({ writes }: Plan<unknown>): boolean {
  return writes.some(({ changes }) => changes === 'deleted');
}

/** Takes what fits one commit of so many documents off a queue. */
export function takeChunk<E extends Event, State>(
  queue: Prepared<E, State>[],
  size: number,
): Prepared<E, State>[] {
  const chunk: Prepared<E, State>[] = [];
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
