/** Where carriers are kept that Cloud Tasks did not take. */
export const spoolPrefix = 'spool/';

/** Where a spooled carrier is kept. */
export function spoolName(id: string): string {
  return `${spoolPrefix}${id}.json`;
}

/** A spooled carrier's bytes: for which queue, due when, and what the task would have held. */
export function spoolRecord(spooled: {
  queue: string;
  dueMs: number;
  data: Record<string, unknown>;
}): Buffer {
  return Buffer.from(JSON.stringify({ queue: spooled.queue, due_ms: spooled.dueMs, data: spooled.data }));
}
