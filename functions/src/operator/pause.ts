import * as z from 'zod/mini';
import { strictSchema } from '../events/carrierVersion.ts';
import { AppError } from '../platform/errors.ts';
import type { ObjectStore } from '../platform/objects.ts';
import type { QueueControl } from '../platform/queueControl.ts';
import type { Using } from '../platform/services.ts';
import type { Outbox } from '../staging/outbox.ts';

/** The object that keeps the end of a pause: it must be found while Firestore is down or out of quota. */
const pauseObject = 'control/pause.json';

const record = z.object({ until: z.nullable(z.iso.datetime()) });

export interface PauseOptions extends Using<'clock' | 'logger' | 'objects'> {
  queueControl: QueueControl;
}

/**
 * Pauses the queue. The end is kept, and a task that ends it sent, before, so that no pause is without one.
 * Throws AppError `unavailable`.
 */
export async function pauseUntil(options: PauseOptions & { outbox: Outbox }, untilMs: number): Promise<void> {
  await putEnd(options, untilMs);
  // The queue `expire` is never paused.
  const resumeTask = { schema: strictSchema, dueMs: untilMs, count: 0, pauseUntilMs: untilMs };
  await options.outbox.send('expire', resumeTask);
  await obeyRecord(options, options.clock.now());
}

/** Ends a pause, or does nothing. Throws AppError `unavailable`. */
export async function endPause(options: PauseOptions): Promise<void> {
  await putEnd(options, options.clock.now());
  await resumeIfDue(options);
}

/** The time at which the present pause ends; undefined where none is known. Throws AppError `unavailable`. */
export async function pauseEndMs(objects: Pick<ObjectStore, 'get'>): Promise<number | undefined> {
  return (await readEnd(objects)).untilMs;
}

/**
 * Resumes the queue once its pause is over; for its own task, and should that be lost for `sweep`, each quarter of an
 * hour: one class B read of Cloud Storage, two where a record is. Returns whether it resumed.
 * Throws AppError `unavailable`; it must be tried again.
 */
export async function resumeIfDue(options: PauseOptions, nowMs = options.clock.now()): Promise<boolean> {
  const { untilMs, generation } = await readEnd(options.objects);
  if (untilMs === undefined || untilMs > nowMs) return false;
  await obeyRecord(options, nowMs);
  try {
    // Not deleted, so that a pause which began meanwhile keeps its end.
    await putEnd(options, null, generation);
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'conflict')) throw error;
  }
  options.logger.info('Resumed the queue: its pause is over', { until: new Date(untilMs).toISOString() });
  return true;
}

/**
 * Makes the queue what the record says. Somebody else may do so for another record at the same time: whoever was last
 * then sees that the record changed, and obeys the new one.
 */
async function obeyRecord({ objects, queueControl }: PauseOptions, nowMs: number): Promise<void> {
  let obeyed: string | undefined;
  for (;;) {
    const { untilMs = 0, generation } = await readEnd(objects);
    if (generation === obeyed) return;
    await (untilMs > nowMs ? queueControl.pause() : queueControl.resume());
    obeyed = generation;
  }
}

async function putEnd(
  { objects }: Pick<PauseOptions, 'objects'>,
  untilMs: number | null,
  ifGeneration?: string,
): Promise<void> {
  const until = untilMs === null ? null : new Date(untilMs).toISOString();
  await objects.put(pauseObject, Buffer.from(JSON.stringify({ until })), {
    contentType: 'application/json',
    ...(ifGeneration === undefined ? {} : { ifGeneration }),
  });
}

/** Reads the record. One that cannot be understood ends its pause: nothing may stay queued for ever. */
async function readEnd(objects: Pick<ObjectStore, 'get'>): Promise<{ untilMs?: number; generation: string }> {
  const stored = await objects.get(pauseObject);
  if (stored === undefined) return { generation: '0' };
  const { generation } = stored;
  try {
    const { until } = record.parse(JSON.parse(stored.bytes.toString('utf8')));
    return { generation, ...(until === null ? {} : { untilMs: Date.parse(until) }) };
  } catch {
    return { generation, untilMs: 0 };
  }
}
