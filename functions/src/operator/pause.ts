import * as z from 'zod/mini';
import type { Carrier } from '../events/carrier.ts';
import { strictSchema } from '../events/schemas.ts';
import type { Clock } from '../platform/clock.ts';
import { AppError } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { ObjectStore } from '../platform/objects.ts';
import type { QueueControl } from '../platform/queueControl.ts';
import type { Outbox } from '../staging/outbox.ts';

/** The object that keeps the end of a pause: it must be found while Firestore is down or out of quota. */
const pauseObject = 'control/pause.json';

const record = z.object({ until: z.nullable(z.iso.datetime()) });

export interface PauseOptions {
  objects: ObjectStore;
  queueControl: QueueControl;
  clock: Clock;
  logger: Logger;
}

/**
 * Pauses the queue. The end is kept, and a task that ends it sent, before, so that no pause is without one.
 * Throws AppError `unavailable`.
 */
export async function pauseUntil(options: PauseOptions & { outbox: Outbox }, untilMs: number): Promise<void> {
  await keepEnd(options, untilMs);
  await options.outbox.send('expire', resumeTask(untilMs));
  await obeyRecord(options, options.clock.now());
}

/** Ends a pause, or does nothing. Throws AppError `unavailable`. */
export async function endPause(options: PauseOptions): Promise<void> {
  await keepEnd(options, options.clock.now());
  await resumeIfDue(options);
}

/** A carrier for the queue `expire`, which is never paused: due when a pause of `flush` ends. */
function resumeTask(untilMs: number): Carrier {
  return { schema: strictSchema, dueMs: untilMs, count: 0, pauseUntilMs: untilMs };
}

/** When the present pause ends; undefined where none is known. Throws AppError `unavailable`. */
export async function pauseEndMs(objects: Pick<ObjectStore, 'get'>): Promise<number | undefined> {
  const stored = await objects.get(pauseObject);
  return stored === undefined ? undefined : endOf(stored.bytes);
}

/**
 * Resumes the queue once its pause is over; for its own task, and for `sweep`, each minute: one class B read of Cloud
 * Storage (two where a record is), 2 cents a month. Returns whether it resumed. Throws AppError `unavailable`; it must be
 * tried again.
 */
export async function resumeIfDue(options: PauseOptions, nowMs = options.clock.now()): Promise<boolean> {
  const { objects, logger } = options;
  const stored = await objects.get(pauseObject);
  const untilMs = stored && endOf(stored.bytes);
  if (stored === undefined || untilMs === undefined || untilMs > nowMs) return false;
  await obeyRecord(options, nowMs);
  try {
    // Not deleted, so that a pause which began meanwhile keeps its end.
    await keepEnd(options, null, stored.generation);
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'conflict')) throw error;
  }
  logger.info('Resumed the queue: its pause is over', { until: new Date(untilMs).toISOString() });
  return true;
}

/**
 * Makes the queue what the record says. Somebody else may do so for another record at the same time: whoever was last then
 * sees that the record changed, and obeys the new one.
 */
async function obeyRecord({ objects, queueControl }: PauseOptions, nowMs: number): Promise<void> {
  let obeyed: string | undefined;
  for (;;) {
    const stored = await objects.get(pauseObject);
    const generation = stored?.generation ?? '0';
    if (generation === obeyed) return;
    const isPaused = stored !== undefined && (endOf(stored.bytes) ?? 0) > nowMs;
    await (isPaused ? queueControl.pause() : queueControl.resume());
    obeyed = generation;
  }
}

async function keepEnd(
  { objects }: Pick<PauseOptions, 'objects'>,
  untilMs: number | null,
  ifGeneration?: string,
): Promise<void> {
  await objects.put(pauseObject, recordOf(untilMs), {
    contentType: 'application/json',
    ...(ifGeneration === undefined ? {} : { ifGeneration }),
  });
}

function recordOf(untilMs: number | null): Buffer {
  return Buffer.from(JSON.stringify({ until: untilMs === null ? null : new Date(untilMs).toISOString() }));
}

/** A record that cannot be read ends its pause: nothing may stay queued for ever. */
function endOf(bytes: Buffer): number | undefined {
  try {
    const { until } = record.parse(JSON.parse(bytes.toString('utf8')));
    return until === null ? undefined : Date.parse(until);
  } catch {
    return 0;
  }
}
