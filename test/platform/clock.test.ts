import assert from 'node:assert/strict';
import { nextTickMs } from '../../functions/src/platform/clock.ts';
import { startMs } from '../support/clock.ts';

describe('ticks', () => {
  it('are the multiples of their length, always in the future', () => {
    assert.equal(nextTickMs(startMs, 5_000), startMs + 5_000);
    assert.equal(nextTickMs(startMs + 1, 5_000), startMs + 5_000);
    assert.equal(nextTickMs(startMs + 4_999, 5_000), startMs + 5_000);
    assert.equal(nextTickMs(startMs + 5_000, 5_000), startMs + 10_000);
  });
});
