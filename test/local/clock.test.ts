import assert from 'node:assert/strict';
import { OffsetClock } from '../../local/shared/clock.ts';

describe('OffsetClock', () => {
  it('runs what is due, in order, as soon as the offset reaches it, and nothing before', () => {
    const clock = new OffsetClock();
    const ran: string[] = [];
    const timers = [
      clock.setTimeout(() => ran.push('hour'), 3_600_000),
      clock.setTimeout(() => ran.push('minute'), 60_000),
    ];
    clock.setOffsetMs(59_000);
    assert.deepEqual(ran, []);
    clock.setOffsetMs(4_000_000);
    assert.deepEqual(ran, ['minute', 'hour']);
    for (const timer of timers) clock.clearTimeout(timer);
  });

  it('never goes back', () => {
    const clock = new OffsetClock(5000);
    clock.setOffsetMs(1000);
    assert.equal(clock.offsetMs(), 5000);
  });

  it('tells when the earliest timer is due, without those cleared', () => {
    const clock = new OffsetClock();
    const early = clock.setTimeout(() => {}, 60_000);
    const late = clock.setTimeout(() => {}, 90_000);
    assert.equal(clock.nextDueMs(), early.dueMs);
    clock.clearTimeout(early);
    assert.equal(clock.nextDueMs(), late.dueMs);
    clock.clearTimeout(late);
    assert.equal(clock.nextDueMs(), undefined);
  });

  it('does not run a timer that an earlier one cleared at the same moment', () => {
    const clock = new OffsetClock();
    let ran = false;
    clock.setTimeout(() => clock.clearTimeout(second), 1000);
    const second = clock.setTimeout(() => {
      ran = true;
    }, 2000);
    clock.setOffsetMs(3000);
    assert.equal(ran, false);
  });

  it('also follows the machine: a timer set after a later one still runs on time', async () => {
    const clock = new OffsetClock();
    const far = clock.setTimeout(() => {}, 3_600_000);
    await new Promise<void>((resolve) => clock.setTimeout(resolve, 1));
    clock.clearTimeout(far);
  });

  it('stands still where it is told to: only its offset moves it, and runs what is due', () => {
    const clock = new OffsetClock(500, 1_000);
    let ran = false;
    clock.setTimeout(() => {
      ran = true;
    }, 10);
    assert.equal(clock.now(), 1_500);
    clock.setOffsetMs(509);
    assert.deepEqual([clock.now(), ran], [1_509, false]);
    clock.setOffsetMs(510);
    assert.equal(ran, true);
  });

  it('shows every change to a timer in its counter', () => {
    const clock = new OffsetClock();
    const before = clock.changes();
    clock.clearTimeout(clock.setTimeout(() => {}, 1000));
    assert.equal(clock.changes(), before + 2);
  });
});
