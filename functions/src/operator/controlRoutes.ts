import * as z from 'zod/mini';
import { taskSchema } from '../events/carrierVersion.ts';
import { type Stamp, stampCeiling } from '../events/stamp.ts';
import { nextVisibleMs } from '../flush/limits.ts';
import { count, moment } from '../http/answers.ts';
import { defineRoute } from '../http/defineRoute.ts';
import { expected } from '../http/fields.ts';
import { flag } from '../http/parameters.ts';
import type { Route } from '../http/route.ts';
import { members, time } from '../http/schema.ts';
import { largest } from '../platform/arrays.ts';
import { delay } from '../platform/clock.ts';
import { AppError, messageOf } from '../platform/errors.ts';
import { mapPool } from '../platform/pool.ts';
import type { QueueControl } from '../platform/queueControl.ts';
import type { Outbox } from '../staging/outbox.ts';
import { isSpoolEmpty } from '../staging/spool.ts';
import { dispatchedAtOnce, maxDispatchedEarly, maxFlushWaitMs, maxPauseMs } from './limits.ts';
import { endPause, type PauseOptions, pauseUntil } from './pause.ts';
import { carriersUpTo, countEvents, listCarriers, type QueuedCarrier } from './queueContents.ts';

export interface ControlRoutesOptions extends Omit<PauseOptions, 'queueControl'> {
  outbox: Outbox;
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

/** The routes by which an operator steers the queue. */
export function controlRoutes(options: ControlRoutesOptions): Route[] {
  return [flushNow(options), pause(options), resume(options)];
}

const operators = { method: 'POST', access: [] } as const;

/** The request travels as a carrier of its own, due now; what was accepted before is written at its next dispatch. */
function flushNow(options: ControlRoutesOptions): Route {
  const { outbox, clock } = options;
  return defineRoute({
    ...operators,
    path: '/v1/flush',
    query: () => z.object({ wait: flag() }),
    summary: 'Has everything written that was accepted before; with `wait` the answer tells how far that is',
    answers: () => {
      const progress = {
        done: z.optional(z.nullable(z.boolean())),
        remaining: z.optional(z.nullable(count())),
        due_by: z.optional(z.nullable(moment())),
      };
      const schema = z.object({ requested_at: moment(), ...progress });
      const requested_at = '2026-03-01T12:00:00.000Z';
      return {
        200: { schema, example: { requested_at, done: true, remaining: 0, due_by: null } },
        202: {
          schema,
          example: { requested_at, done: false, remaining: 12, due_by: '2026-03-01T12:01:00.000Z' },
        },
      };
    },
    handle: async ({ query: { wait } }) => {
      const nowMs = clock.now();
      const flushBefore = stampCeiling(nowMs);
      await outbox.send('flush', { schema: taskSchema, dueMs: nowMs, count: 0, flushBefore });
      const requested = { requested_at: new Date(nowMs).toISOString() };
      if (!wait) return { status: 202, json: requested };
      const progress = await waitForFlush(options, flushBefore, nowMs + maxFlushWaitMs);
      return { status: progress.done ? 200 : 202, json: { ...requested, ...progress } };
    },
  });
}

async function waitForFlush(
  options: ControlRoutesOptions,
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
  { objects }: ControlRoutesOptions,
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
 * are written then. What waits for another version, or is handled alone, keeps its time; a pause is kept.
 */
async function dispatchEarly(
  { clock, logger }: ControlRoutesOptions,
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

/** Pauses the queue. It keeps what is accepted meanwhile for 31 days: hence a pause has an end. */
function pause(options: ControlRoutesOptions): Route {
  return defineRoute({
    ...operators,
    path: '/v1/queue/pause',
    body: () => members({ until: time() }),
    summary: 'Pauses the writing, for 20 days at most',
    example: () => ({ until: new Date(options.clock.now() + 86_400_000).toISOString() }),
    answers: () => ({ 200: z.object({ paused: z.literal(true), until: moment() }) }),
    handle: async ({ body: { until: untilMs } }) => {
      const nowMs = options.clock.now();
      const until = new Date(untilMs).toISOString();
      if (untilMs <= nowMs || untilMs > nowMs + maxPauseMs) {
        throw expected('until', 'a time in the next 20 days, as ISO 8601', until);
      }
      await pauseUntil({ ...pausable(options), outbox: options.outbox }, untilMs);
      options.logger.warn('The queue is paused', { until });
      return { status: 200, json: { paused: true, until } };
    },
  });
}

function resume(options: ControlRoutesOptions): Route {
  return defineRoute({
    ...operators,
    path: '/v1/queue/resume',
    summary: 'Ends a pause',
    answers: () => ({ 200: z.object({ paused: z.literal(false) }) }),
    handle: async () => {
      await endPause(pausable(options));
      options.logger.info('The queue is resumed');
      return { status: 200, json: { paused: false } };
    },
  });
}

function pausable({ queueControl, objects, clock, logger }: ControlRoutesOptions): PauseOptions {
  if (queueControl === undefined) {
    throw new AppError('unavailable', 'The official Tasks emulator cannot pause a queue.');
  }
  return { queueControl, objects, clock, logger };
}
