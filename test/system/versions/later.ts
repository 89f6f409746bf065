import type { Event } from '../../../functions/src/events/event.ts';
import { erased, evaluated, response } from '../../support/events.ts';

const aBody = 'bodies/responses/00000000-0000-4000-8000-000000000005';

/** Events with all that came after the first recording. */
export function later(nowMs: number): Event[] {
  return [
    { ...response('open', nowMs + 10, 3), minerKey: 'k' },
    {
      ...response('open', nowMs + 11, 9, { response_data: 9_007_199_254_740_993n }),
      minerKey: 'k',
      exact: true,
    },
    { ...response('done', nowMs + 12, 9), minerKey: 'k', countsUnassigned: true },
    evaluated('done', nowMs + 14, 3),
    {
      ...evaluated('open', nowMs + 15, 'unknown', { evaluation_data: 9_007_199_254_740_993n }),
      exact: true,
    },
    evaluated('open', nowMs + 16, 4, { body: { object: aBody, bytes: 3 } }),
    erased('done', nowMs + 17, 9),
    erased('open', nowMs + 18, 3, '5F'),
    // Of a version to come.
    { ...response('open', nowMs + 13, 10), kind: 'heard of one day' } as unknown as Event,
  ];
}
