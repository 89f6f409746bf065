import * as z from 'zod/mini';
import type { TaskQueue } from '../platform/cloudTasks.ts';
import { AppError, messageOf } from '../platform/errors.ts';
import { parsedJson } from '../platform/json.ts';
import { type ObjectFacts, type ObjectStore, ownObjects } from '../platform/objects.ts';
import { once } from '../platform/once.ts';
import type { Using } from '../platform/services.ts';
import { CircuitBreaker } from './breaker.ts';
import {
  breakerOpenMs,
  breakerThreshold,
  maxSweepMs,
  maxSweptPage,
  outageMs,
  sweptAtOnce,
} from './limits.ts';
import { isSpoolName, spoolPrefix } from './spoolName.ts';

/** The queues that carriers go to, by the function behind them. */
const queueNames = ['flush', 'expire'] as const;
export type QueueName = (typeof queueNames)[number];

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

interface SweepOptions extends Using<'clock' | 'logger' | 'objects'> {
  queues: Readonly<Record<QueueName, TaskQueue>>;
}

/**
 * Puts spooled carriers back into Cloud Tasks, many at once and as many as time allows, each before its object is
 * deleted: a crash between costs a second copy, which the flusher knows by its stamps. What fails stays for the next
 * sweep; several failures in a row mean that a service is down, and end this one. What is no carrier of this version
 * stays as it is. Begins after the name `from`, so that several at once do not meet. Returns how many went back.
 * @throws AppError `unavailable`, once the others are done.
 */
export async function sweepSpool(options: SweepOptions, from?: string): Promise<number> {
  const { objects, clock, logger } = options;
  const endMs = clock.now() + maxSweepMs;
  let [swept, staying, failuresInRow] = [0, 0, 0];
  const failures: unknown[] = [];
  const spooled = spooledFrom(objects, from);
  const work = async (): Promise<void> => {
    while (clock.now() < endMs && failuresInRow < breakerThreshold) {
      try {
        const next = await spooled.next();
        if (next.done) return;
        const outcome = await unspool(options, next.value.name);
        if (outcome === 'unreadable') staying += 1;
        if (outcome !== 'put back') continue;
        failuresInRow = 0;
        swept += 1;
      } catch (error) {
        staying += 1;
        failuresInRow += 1;
        if (!(error instanceof Refused)) failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: sweptAtOnce }, work));
  if (swept > 0) logger.info('Put the spool back into Cloud Tasks', { carriers: swept });
  // By this line an operator is told (monitoring/alerts/spool.json).
  if (staying > 0) logger.warn('Carriers stay in the spool', { carriers: staying, put_back: swept });
  if (failures.length > 0) throw failures[0];
  return swept;
}

/** Spooled objects in the order of their names, from one of them round to it. */
async function* spooledFrom(objects: ObjectStore, from?: string): AsyncGenerator<ObjectFacts> {
  const page = { isOwn: isSpoolName, limit: maxSweptPage };
  yield* ownObjects(objects, spoolPrefix, { ...page, after: from });
  if (from === undefined) return;
  for await (const object of ownObjects(objects, spoolPrefix, page)) {
    if (object.name >= from) return;
    yield object;
  }
}

/**
 * Makes the handler of the event that a carrier was spooled: it puts that one back, and once Cloud Tasks works again
 * after an outage, all others, whose own events may come later. One that is gone by then is no error.
 * @throws AppError `unavailable`: Cloud Tasks does not take it yet, so the event must come again.
 */
export function spooledHandler(options: SweepOptions): (name: string, spooledMs: number) => Promise<void> {
  const { clock } = options;
  const breaker = new CircuitBreaker(clock, breakerThreshold, breakerOpenMs);
  return async (name, spooledMs) => {
    if (!breaker.allows()) throw new AppError('unavailable', 'Cloud Tasks is left alone for a moment.');
    try {
      if ((await unspool(options, name)) !== 'put back') return;
    } catch (error) {
      if (error instanceof Refused) breaker.failed();
      throw error;
    }
    breaker.succeeded();
    if (clock.now() - spooledMs > outageMs) await sweepSpool(options, name);
  };
}

/** Puts one spooled carrier back, if it is there and this version reads it. @throws Refused; AppError `unavailable` */
async function unspool(
  { objects, queues, logger }: SweepOptions,
  name: string,
): Promise<'put back' | 'gone' | 'unreadable'> {
  const stored = await objects.get(name);
  if (stored === undefined) return 'gone';
  const parsed = record().safeParse(parsedJson(stored.bytes));
  if (!parsed.success) {
    logger.error('What is in spool/ is no carrier of this version; it stays', { name });
    return 'unreadable';
  }
  const { queue, due_ms: dueMs, data } = parsed.data;
  try {
    await queues[queue].put(data, dueMs);
  } catch (cause) {
    logger.warn('Cloud Tasks refuses a spooled carrier; it stays', { name, reason: messageOf(cause) });
    throw new Refused(cause);
  }
  await objects.delete(name);
  return 'put back';
}

/** Cloud Tasks did not take a spooled carrier, or did not say so. */
class Refused extends AppError {
  constructor(cause: unknown) {
    super('unavailable', 'Cloud Tasks refuses a spooled carrier; it is tried again.', { cause });
  }
}
