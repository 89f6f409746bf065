import type { Event } from '../../../functions/src/events/event.ts';
import { response } from '../../support/events.ts';

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
    // Of a version to come.
    { ...response('open', nowMs + 13, 10), kind: 'heard of one day' } as unknown as Event,
  ];
}
