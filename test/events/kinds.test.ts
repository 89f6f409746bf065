import assert from 'node:assert/strict';
import { targetOf } from '../../functions/src/events/event.ts';
import { readEvent } from '../../functions/src/events/readEvent.ts';
import { samples } from '../support/samples.ts';

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
