import assert from 'node:assert/strict';
import { ActiveTime } from '../../local/functions/metering.ts';

describe('an instance’s billed time', () => {
  let now: number;
  let time: ActiveTime;
  beforeEach(() => {
    now = 1_000;
    time = new ActiveTime(() => now);
  });

  const open = (fromMs: number, untilMs: number, cause = 'a'): void => {
    now = fromMs;
    time.begin(cause);
    now = untilMs;
    time.end(cause);
  };
  const billed = (): Record<string, number> => Object.fromEntries(time.billedMs());

  it('is each stretch rounded up to 100 ms', () => {
    open(1_000, 1_001);
    open(2_000, 2_101);
    assert.deepEqual(billed(), { a: 300 });
  });

  it('never exceeds the time that passed: stretches 50 ms apart share a unit', () => {
    for (let at = 1_000; at < 2_000; at += 50) open(at, at + 5);
    assert.deepEqual(billed(), { a: 1_000 });
    open(2_050, 2_060);
    assert.deepEqual(billed(), { a: 1_100 });
  });

  it('goes on from what was rounded up, not from the request, where a stretch begins within it', () => {
    open(1_000, 1_010);
    open(1_090, 1_120);
    assert.deepEqual(billed(), { a: 200 });
    open(1_210, 1_220);
    assert.deepEqual(billed(), { a: 300 });
  });

  it('is shared evenly by what is open at the same time, and the rounding is the last one’s', () => {
    now = 1_000;
    time.begin('a');
    now = 1_020;
    time.begin('b');
    now = 1_040;
    time.end('a');
    now = 1_050;
    time.end('b');
    assert.deepEqual(billed(), { a: 30, b: 70 });
  });

  it('counts a stretch that is still open up to now, and from now after a reset', () => {
    time.begin('a');
    now = 1_150;
    assert.deepEqual(billed(), { a: 200 });
    time.reset();
    assert.deepEqual(billed(), { a: 0 });
    now = 1_190;
    assert.deepEqual(billed(), { a: 100 });
    time.end('a');
    assert.deepEqual(billed(), { a: 100 });
  });

  it('contains work that the clock does not show, also when it is told after the request', () => {
    now = 1_000;
    time.begin('a');
    time.work(130);
    time.end('a');
    assert.deepEqual(billed(), { a: 200 });
    time.work(60);
    assert.deepEqual(billed(), { a: 200 });
    time.work(30);
    assert.deepEqual(billed(), { a: 300 });
  });
});
