import type { Stamp } from '../events/stamp.ts';
import { nextVisibleMs } from '../flush/limits.ts';
import { largest } from '../platform/arrays.ts';
import { delay } from '../platform/clock.ts';
import { messageOf } from '../platform/errors.ts';
import { mapPool } from '../platform/pool.ts';
import type { QueueControl } from '../platform/queueControl.ts';
import { isSpoolEmpty } from '../staging/spool.ts';
import { dispatchedAtOnce, maxDispatchedEarly } from './limits.ts';
import type { PauseOptions } from './pause.ts';
import { carriersUpTo, countEvents, listCarriers, type QueuedCarrier } from './queueContents.ts';

export interface WaitedFlushOptions extends Omit<PauseOptions, 'queueControl'> {
  /** The control of the queue `flush`; undefined where there is none (the official emulator). */
  queueControl: QueueControl | undefined;
  /** FLUSH_TICK_SECONDS. */
  tickMs: number;
}

/** The progress of a flush that was asked for; null: cannot be known. */
interface Progress {
  done: boolean | null;
  /** Events accepted before, at most: those that share a carrier with one count too. */
  remaining: number | null;
  /** When the last of their carriers is due, ISO 8601; null where none is known to remain. */
  due_by: string | null;
}

/** Looks at the queue until what was accepted up to a stamp is written, or the time is over; hurries what waits. */
export async function waitForFlush(
  options: WaitedFlushOptions,
  flushBefore: Stamp,
  endMs: number,
): Promise<Progress> {
  const { queueControl, clock, logger, tickMs } = options;
  let progress: Progress = { done: null, remaining: null, due_by: null };
  const dispatchedNames = new Set<string>();
  while (queueControl !== undefined && !progress.done) {
    const lookMs = nextVisibleMs(clock.now(), tickMs);
    if (lookMs > endMs) break;
    await delay(clock, lookMs - clock.now());
    try {
      const { carriers, isWhole } = await listCarriers(queueControl);
      progress = await progressOf(options, carriers, isWhole, flushBefore);
      await dispatchEarly(options, queueControl, carriersUpTo(carriers, flushBefore), dispatchedNames);
    } catch (error) {
      logger.warn('A flush that is waited for cannot be looked at', { reason: messageOf(error) });
    }
  }
  return progress;
}

async function progressOf(
  { objects }: WaitedFlushOptions,
  carriers: readonly QueuedCarrier[],
  isWhole: boolean,
  flushBefore: Stamp,
): Promise<Progress> {
  const left = carriersUpTo(carriers, flushBefore);
  const remaining = countEvents(left);
  const isAsked = carriers.some((carrier) => carrier.flushBefore === flushBefore);
  const due_by = left.length > 0 ? new Date(largest(left.map(({ dueMs }) => dueMs))).toISOString() : null;
  if (remaining > 0 || isAsked) return { done: false, remaining, due_by };
  if (!isWhole) return { done: null, remaining: null, due_by: null };
  const isDone = await isSpoolEmpty(objects);
  return { done: isDone, remaining: isDone ? 0 : null, due_by: null };
}

/**
 * Has carriers dispatched that wait for a later time: their events are written, where the flush remembered them, or
 * are written then. Those that wait for another version, or are handled alone, keep their time; a pause is kept.
 */
async function dispatchEarly(
  { clock, logger }: WaitedFlushOptions,
  queueControl: QueueControl,
  carriers: readonly QueuedCarrier[],
  dispatchedNames: Set<string>,
): Promise<void> {
  const waiting = carriers.filter(
    ({ taskName, dueMs, unreadSinceMs, tries }) =>
      dueMs > clock.now() &&
      unreadSinceMs === undefined &&
      tries === undefined &&
      !dispatchedNames.has(taskName),
  );
  const early = waiting.slice(0, maxDispatchedEarly - dispatchedNames.size);
  if (early.length === 0 || (await queueControl.stats()).isPaused) return;
  // Those that fail count too, as the service counts them.
  for (const { taskName } of early) dispatchedNames.add(taskName);
  const failures: unknown[] = [];
  await mapPool(early, dispatchedAtOnce, ({ taskName }) =>
    queueControl.run(taskName).catch((error: unknown) => failures.push(error)),
  );
  if (failures.length > 0) {
    logger.warn('Carriers are not dispatched early', {
      count: failures.length,
      reason: messageOf(failures[0]),
    });
  }
}
