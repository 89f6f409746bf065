const secondMs = 1000;
const dayMs = 24 * 60 * 60 * secondMs;

/** Cloud Tasks' limits: https://cloud.google.com/tasks/docs/quotas and the comments of cloudtasks.proto (v2). */
export const limits = {
  /** The API's comment says 100 KB; the quota page says more. The stricter one is kept. */
  maxTaskBytes: 100 * 1024,
  maxScheduleAheadMs: 30 * dayMs,
  retentionMs: 31 * dayMs,
  /** The time for which the name of a finished or deleted task stays taken. */
  nameTakenMs: dayMs,
  minDispatchDeadlineMs: 15 * secondMs,
  maxDispatchDeadlineMs: 30 * 60 * secondMs,
  defaultDispatchDeadlineMs: 10 * 60 * secondMs,
  maxUrlCharacters: 2083,
  maxPageSize: 1000,
  maxDispatchesPerSecond: 500,
  maxConcurrentDispatches: 5000,
  defaultConcurrentDispatches: 1000,
  /**
   * Billing: each started 32 KB of a call or a push attempt is one operation (https://cloud.google.com/tasks/pricing).
   */
  bytesPerOperation: 32 * 1024,
} as const;

/** Operations billed for one call or push attempt that carries this many bytes. */
export function operationsFor(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / limits.bytesPerOperation));
}
