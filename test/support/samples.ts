import type { Event } from '../../functions/src/events/event.ts';
import { startMs } from './clock.ts';
import { created, erased, evaluated, patched, response, stampAt } from './events.ts';
import { operation } from './operations.ts';

/** An event of each kind; the compiler asks for one of a kind that is new. */
export const samples: { [Kind in Event['kind']]: Extract<Event, { kind: Kind }> } = {
  created: created('t', startMs),
  patched: patched('t', startMs, { priority: 1 }),
  response: response('t', startMs, 7),
  evaluated: evaluated('t', startMs, 3),
  erased: erased('t', startMs, 7),
  deadline: { kind: 'deadline', taskId: 't', stamp: stampAt(startMs) },
  operation: operation('users/1', startMs, 'set', { name: 'Ann' }),
};
