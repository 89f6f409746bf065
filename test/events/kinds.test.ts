import assert from 'node:assert/strict';
import { type Event, targetOf } from '../../functions/src/events/event.ts';
import { readEvent } from '../../functions/src/events/readEvent.ts';
import { startMs } from '../support/clock.ts';
import { created, patched, response, stampAt } from '../support/events.ts';
import { operation } from '../support/operations.ts';

/** An event of each kind; the compiler asks for one of a kind that is new. */
const samples: { [Kind in Event['kind']]: Extract<Event, { kind: Kind }> } = {
  created: created('t', startMs),
  patched: patched('t', startMs, { priority: 1 }),
  response: response('t', startMs, 7),
  deadline: { kind: 'deadline', taskId: 't', stamp: stampAt(startMs) },
  operation: operation('users/1', startMs, 'set', { name: 'Ann' }),
};

describe('an event of every kind', () => {
  for (const [kind, event] of Object.entries(samples)) {
    it(`is read as it was written: ${kind}`, () => {
      assert.deepEqual(readEvent(JSON.parse(JSON.stringify(event))), { event });
    });

    it(`tells what it is about: ${kind}`, () => {
      assert.equal(targetOf(event), kind === 'operation' ? 'users/1' : 't');
    });
  }
});
