import * as z from 'zod/mini';
import { taskSchema } from '../events/carrierVersion.ts';
import { stampCeiling } from '../events/stamp.ts';
import { count, moment } from '../http/answers.ts';
import { defineRoute } from '../http/defineRoute.ts';
import { expected } from '../http/fields.ts';
import { flag } from '../http/parameters.ts';
import type { Route } from '../http/route.ts';
import { members, time } from '../http/schema.ts';
import { AppError } from '../platform/errors.ts';
import type { Outbox } from '../staging/outbox.ts';
import { maxFlushWaitMs, maxPauseMs } from './limits.ts';
import { endPause, type PauseOptions, pauseUntil } from './pause.ts';
import { type WaitedFlushOptions, waitForFlush } from './waitedFlush.ts';

export interface ControlRoutesOptions extends WaitedFlushOptions {
  outbox: Outbox;
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
    method: 'POST',
    path: '/v1/flush',
    access: ['proxy'],
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
