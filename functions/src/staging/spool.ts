import * as z from 'zod/mini';
import type { TaskQueue } from '../platform/cloudTasks.ts';
import { messageOf } from '../platform/errors.ts';
import { parsedJson } from '../platform/json.ts';
import { type ObjectStore, ownObjects } from '../platform/objects.ts';
import { once } from '../platform/once.ts';
import type { Using } from '../platform/services.ts';
import { breakerThreshold, maxSweepMs, maxSweptPage, sweptAtOnce } from './limits.ts';

/** The folder of the spool: carriers that Cloud Tasks did not take. */
const spoolPrefix = 'spool/';

/** The queues that carriers go to, by the function behind them. */
const queueNames = ['flush', 'expire'] as const;
export type QueueName = (typeof queueNames)[number];

/** The object of a spooled carrier. */
export function spoolName(id: string): string {
  return `${spoolPrefix}${id}.json`;
}

/** True for an object that may be a spooled carrier: the folder may have been there before. */
function isSpoolName(name: string): boolean {
  return /^spool\/[\w-]+\.json$/.test(name);
}

/** A spooled carrier's bytes: for which queue, due when, and what the task would have held. */
export function spoolRecord(queue: QueueName, dueMs: number, data: Record<string, unknown>): Buffer {
  return Buffer.from(JSON.stringify({ queue, due_ms: dueMs, data }));
}

/** Strict: whoever writes more into it writes another version. */
const record = once(() =>
  z.strictObject({
    queue: z.enum(queueNames),
    due_ms: z.number(),
    data: z.record(z.string(), z.unknown()),
  }),
);

/** True where no carrier waits in the spool; one list call. */
export async function isSpoolEmpty(objects: Pick<ObjectStore, 'list'>): Promise<boolean> {
  return !(await objects.list(spoolPrefix, { limit: maxSweptPage })).some(({ name }) => isSpoolName(name));
}

export interface SweepOptions extends Using<'clock' | 'logger' | 'objects'> {
  queues: Readonly<Record<QueueName, TaskQueue>>;
}

/**
 * Puts spooled carriers back into Cloud Tasks, many at once and as many as time allows, each before its object is
 * deleted: a crash between costs a second copy, which the flusher knows by its stamps. What fails stays for the next
 * sweep; several failures in a row mean that a service is down, and end this one. What is no carrier of this version
 * stays as it is. Returns how many went back.
 * @throws AppError `unavailable`, once the others are done.
 */
export async function sweepSpool(options: SweepOptions): Promise<number> {
  const { objects, clock, logger } = options;
  const endMs = clock.now() + maxSweepMs;
  const seen: Progress = { swept: 0, failuresInRow: 0 };
  const failures: unknown[] = [];
  const spooled = ownObjects(objects, spoolPrefix, { isOwn: isSpoolName, limit: maxSweptPage });
  const work = async (): Promise<void> => {
    while (clock.now() < endMs && seen.failuresInRow < breakerThreshold) {
      const next = await spooled.next();
      if (next.done) return;
      await putBack(options, next.value.name, seen).catch((error: unknown) => {
        seen.failuresInRow += 1;
        failures.push(error);
      });
    }
  };
  await Promise.all(Array.from({ length: sweptAtOnce }, work));
  if (seen.swept > 0) logger.info('Put the spool back into Cloud Tasks', { carriers: seen.swept });
  if (failures.length > 0) throw failures[0];
  return seen.swept;
}

interface Progress {
  swept: number;
  failuresInRow: number;
}

async function putBack(
  { objects, queues, logger }: SweepOptions,
  name: string,
  seen: Progress,
): Promise<void> {
  const stored = await objects.get(name);
  if (stored === undefined) return;
  const parsed = record().safeParse(parsedJson(stored.bytes));
  if (!parsed.success) {
    logger.error('What is in spool/ is no carrier of this version; it stays', { name });
    return;
  }
  const { queue, due_ms: dueMs, data } = parsed.data;
  try {
    await queues[queue].put(data, dueMs);
  } catch (error) {
    logger.warn('Cloud Tasks refuses a spooled carrier; it stays', { name, reason: messageOf(error) });
    seen.failuresInRow += 1;
    return;
  }
  seen.failuresInRow = 0;
  seen.swept += 1;
  await objects.delete(name);
}
