import * as z from 'zod/mini';
import { count } from '../http/answers.ts';
import { defineRoute } from '../http/defineRoute.ts';
import type { Route } from '../http/route.ts';
import { expecting, members, optional, withDefault } from '../http/schema.ts';
import type { Clock } from '../platform/clock.ts';
import { isOutage, unavailable } from '../platform/outage.ts';
import type { CleanupReport } from './cleanup.ts';

const defaultMaxAgeHours = 24;
const maxMaxAgeHours = 24 * 365;

/** The route that cleans up now, as the schedule does every hour. */
export function cleanupRoutes(clock: Clock, cleanUp: (maxAgeMs: number) => Promise<CleanupReport>): Route[] {
  const hours = expecting(`a number from 0 to ${maxMaxAgeHours}`);
  return [
    defineRoute({
      method: 'POST',
      path: '/v1/cleanup',
      access: ['proxy'],
      body: () => {
        const number = z.number(hours).check(z.minimum(0, hours), z.maximum(maxMaxAgeHours, hours));
        return optional(members({ max_age_hours: withDefault(number, defaultMaxAgeHours) }));
      },
      summary: 'Removes what nobody needs of files, as the schedule does each hour',
      example: () => ({ max_age_hours: defaultMaxAgeHours }),
      answers: () => ({ 200: report() }),
      handle: async ({ body }) => {
        const maxAgeMs = (body?.max_age_hours ?? defaultMaxAgeHours) * 3_600_000;
        try {
          return { status: 200, json: await cleanUp(maxAgeMs) };
        } catch (error) {
          throw isOutage(error) ? unavailable(clock, error, 'what was done stays done; ask again') : error;
        }
      },
    }),
  ];
}

function report() {
  const counts = { deleted: count(), objects: count(), documents: count(), repaired: count() };
  return z.object({ ...counts, is_complete: z.boolean() });
}
