import type { HistorySpan } from '../feed/status.ts';

export type Counts = HistorySpan['counts'];

/** Billed Firestore operations of a time, and the counts. */
export type Use = Omit<HistorySpan, 'start'>;

export const noUse: Use = {
  writes: 0,
  reads: 0,
  deletes: 0,
  counts: { responses: 0, tasks: 0, changes: 0, operations: 0, carriers: 0, polls: 0, files: 0 },
};

/** The one with `factor` times the other, nothing of it below zero. */
export function plusUse(one: Use, other: Use, factor = 1): Use {
  const sum = (a: number, b: number): number => Math.max(0, a + b * factor);
  const counts = { ...one.counts };
  for (const name of Object.keys(counts) as (keyof Counts)[])
    counts[name] = sum(one.counts[name], other.counts[name]);
  return {
    writes: sum(one.writes, other.writes),
    reads: sum(one.reads, other.reads),
    deletes: sum(one.deletes, other.deletes),
    counts,
  };
}
