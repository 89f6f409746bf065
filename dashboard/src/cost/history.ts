/** Counts of what was written or served in a time, as instances report them to the ledger. */
export interface Counts {
  /** Answers. */
  responses: number;
  /** Tasks that were created. */
  tasks: number;
  /** Operations on other documents. */
  operations: number;
  /** Deliveries of carriers to the flush. */
  carriers: number;
  /** Polls that reached a function. */
  polls: number;
  files: number;
}

/** Billed Firestore operations of a time, and the counts. */
export interface Use {
  writes: number;
  reads: number;
  deletes: number;
  counts: Counts;
}

/** A time with its beginning, ISO 8601. */
interface Span extends Use {
  start: string;
}

/** `quota_monitor.history` of `GET /v1/status`. */
export interface History {
  /** UTC hours of the last day in which something was reported, the oldest first. */
  hours: Span[];
  /** Since the daily reset of the quota. */
  today: Span;
  /** Since the first of that day's month. */
  month: Span;
}

export const noUse: Use = {
  writes: 0,
  reads: 0,
  deletes: 0,
  counts: { responses: 0, tasks: 0, operations: 0, carriers: 0, polls: 0, files: 0 },
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
