/** The folder of carriers that Cloud Tasks did not take. */
export const spoolPrefix = 'spool/';

/** The object of a spooled carrier. */
export function spoolName(id: string): string {
  return `${spoolPrefix}${id}.json`;
}

/** True for an object that may be a spooled carrier: the folder may have been there before. */
export function isSpoolName(name: string): boolean {
  return /^spool\/[\w-]+\.json$/.test(name);
}

/** A spooled carrier's bytes: for which queue, due when, and what the task would have held. */
export function spoolRecord(spooled: {
  queue: string;
  dueMs: number;
  data: Record<string, unknown>;
}): Buffer {
  return Buffer.from(JSON.stringify({ queue: spooled.queue, due_ms: spooled.dueMs, data: spooled.data }));
}
