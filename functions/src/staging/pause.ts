import { z } from 'zod';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { ObjectStore } from '../platform/objects.ts';
import type { QueueControl } from '../platform/queueControl.ts';

/** Where the end of a pause is kept: `sweep` must find it while Firestore is down or out of quota. */
const pauseObject = 'control/pause.json';

const record = z.object({ until: z.iso.datetime().nullable() });

export interface PauseOptions {
  objects: ObjectStore;
  queueControl: QueueControl;
}

/** Pauses the queue; the end is kept first, so that no pause is without one. Throws AppError `unavailable`. */
export async function pauseUntil({ objects, queueControl }: PauseOptions, untilMs: number): Promise<void> {
  await objects.put(pauseObject, recordOf(untilMs), { contentType: 'application/json' });
  await queueControl.pause();
}

/** Ends a pause, or does nothing. Throws AppError `unavailable`. */
export async function endPause({ objects, queueControl }: PauseOptions): Promise<void> {
  await queueControl.resume();
  await objects.delete(pauseObject);
}

/** When the present pause ends; undefined where none is known. Throws AppError `unavailable`. */
export async function pauseEndMs(objects: Pick<ObjectStore, 'get'>): Promise<number | undefined> {
  const stored = await objects.get(pauseObject);
  return stored === undefined ? undefined : endOf(stored.bytes);
}

/**
 * Resumes the queue once its pause is over; for `sweep`, each minute: one class B read of Cloud Storage (two where a
 * record is), 2 cents a month. Returns whether it resumed. Throws AppError `unavailable`; the next minute tries again.
 */
export async function resumeIfDue({
  objects,
  queueControl,
  clock,
  logger,
}: PauseOptions & { clock: Clock; logger: Logger }): Promise<boolean> {
  const stored = await objects.get(pauseObject);
  const untilMs = stored && endOf(stored.bytes);
  if (stored === undefined || untilMs === undefined || untilMs > clock.now()) return false;
  await queueControl.resume();
  // Not deleted, so that a pause which began meanwhile keeps its end.
  await objects.put(pauseObject, recordOf(null), {
    contentType: 'application/json',
    ifGeneration: stored.generation,
  });
  logger.info('Resumed the queue: its pause is over', { until: new Date(untilMs).toISOString() });
  return true;
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
