import assert from 'node:assert/strict';
import { CircuitBreaker } from '../../functions/src/staging/breaker.ts';
import { ManualClock, startMs } from '../support/clock.ts';

describe('a circuit breaker', () => {
  function opened() {
    const clock = new ManualClock();
    const breaker = new CircuitBreaker(clock, 3, 10_000);
    for (let i = 0; i < 3; i += 1) {
      assert.ok(breaker.allows());
      breaker.failed();
    }
    return { clock, breaker };
  }

  it('opens after failures in a row', () => {
    assert.equal(opened().breaker.allows(), false);
  });

  it('does not open where a success comes between', () => {
    const breaker = new CircuitBreaker(new ManualClock(), 3, 10_000);
    for (let i = 0; i < 9; i += 1) {
      if (i % 3 === 2) breaker.succeeded();
      else breaker.failed();
      assert.ok(breaker.allows());
    }
  });

  it('lets one call try after a while, and others only after the same while again', () => {
    const { clock, breaker } = opened();
    clock.jumpTo(startMs + 9_999);
    assert.equal(breaker.allows(), false);
    clock.jumpTo(startMs + 10_000);
    assert.deepEqual([breaker.allows(), breaker.allows()], [true, false]);
    breaker.failed();
    clock.jumpTo(startMs + 19_999);
    assert.equal(breaker.allows(), false);
    clock.jumpTo(startMs + 20_000);
    assert.equal(breaker.allows(), true);
  });

  it('closes when that call succeeds', () => {
    const { clock, breaker } = opened();
    clock.jumpTo(startMs + 10_000);
    assert.ok(breaker.allows());
    breaker.succeeded();
    assert.deepEqual([breaker.allows(), breaker.allows()], [true, true]);
  });
});
