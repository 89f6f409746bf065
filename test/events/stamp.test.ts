import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  deadlineStamp,
  earliestOf,
  earliestStamp,
  StampSource,
  stampCeiling,
  stampMs,
  stampPattern,
} from '../../functions/src/events/stamp.ts';
import { ManualClock, startMs } from '../support/clock.ts';
import { runs } from '../support/runs.ts';

describe('stamps', () => {
  it('are unique, sorted and well formed, also while the clock stands or goes back', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -50, max: 50 }), { maxLength: 200 }), (steps) => {
        const clock = new ManualClock();
        const source = new StampSource(clock, 'instance');
        const stamps = steps.map((step) => {
          clock.jumpTo(clock.now() + step);
          return source.next();
        });
        assert.deepEqual(stamps, [...new Set(stamps)].toSorted());
        assert.ok(stamps.every((stamp) => stampPattern.test(stamp)));
      }),
      runs(),
    );
  });

  it('tell when they were given, and never an earlier time than the one before', () => {
    const clock = new ManualClock();
    const source = new StampSource(clock, 'instance');
    assert.equal(stampMs(source.next()), startMs);
    clock.jumpTo(startMs - 5_000);
    assert.equal(stampMs(source.next()), startMs);
    clock.jumpTo(startMs + 7);
    assert.equal(stampMs(source.next()), startMs + 7);
  });

  it('go into the next millisecond once the sequence of one is used up', () => {
    const clock = new ManualClock();
    const source = new StampSource(clock, 'instance');
    let last = source.next();
    for (let i = 1; i <= 36 ** 4; i += 1) {
      const next = source.next();
      if (next <= last) assert.fail(`${next} after ${last}`);
      last = next;
    }
    assert.equal(stampMs(last), startMs + 1);
  });

  it('of two instances in one millisecond differ', () => {
    const clock = new ManualClock();
    assert.notEqual(new StampSource(clock, 'aaaaaaaa').next(), new StampSource(clock, 'bbbbbbbb').next());
  });

  it('of a deadline are always the same, and sort by their moment', () => {
    assert.equal(deadlineStamp(startMs), deadlineStamp(startMs));
    assert.ok(deadlineStamp(startMs) < deadlineStamp(startMs + 1));
    assert.ok(stampPattern.test(deadlineStamp(startMs)));
    assert.equal(stampMs(deadlineStamp(startMs)), startMs);
  });

  it('have a ceiling that is after all of its millisecond and before the next', () => {
    const clock = new ManualClock();
    const source = new StampSource(clock, 'zzzzzzzz');
    assert.ok(source.next() <= stampCeiling(startMs));
    clock.jumpTo(startMs + 1);
    assert.ok(source.next() > stampCeiling(startMs));
  });

  it('have an earliest', () => {
    assert.equal(earliestOf([undefined, 'b', 'a', 'c']), 'a');
    assert.equal(earliestOf([undefined]), undefined);
    assert.ok(earliestStamp < deadlineStamp(1));
  });
});
