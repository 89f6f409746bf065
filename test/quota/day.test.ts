import assert from 'node:assert/strict';
import fc from 'fast-check';
import { QuotaDays } from '../../functions/src/quota/day.ts';
import { runs } from '../support/runs.ts';

const hourMs = 3_600_000;

function dayAt(timeZone: string, iso: string): { id: string; start: string; hours: number } {
  const { id, startMs, endMs } = new QuotaDays(timeZone).dayOf(Date.parse(iso));
  return { id, start: new Date(startMs).toISOString(), hours: (endMs - startMs) / hourMs };
}

describe('Days of the quota', () => {
  it('begin at midnight in Los Angeles, in winter and in summer', () => {
    assert.deepEqual(dayAt('America/Los_Angeles', '2026-01-15T07:59:59.999Z'), {
      id: '2026-01-14',
      start: '2026-01-14T08:00:00.000Z',
      hours: 24,
    });
    assert.deepEqual(dayAt('America/Los_Angeles', '2026-01-15T08:00:00.000Z'), {
      id: '2026-01-15',
      start: '2026-01-15T08:00:00.000Z',
      hours: 24,
    });
    assert.equal(dayAt('America/Los_Angeles', '2026-07-15T12:00:00Z').start, '2026-07-15T07:00:00.000Z');
  });

  it('have 23 hours where clocks go forward and 25 where they go back', () => {
    assert.deepEqual(dayAt('America/Los_Angeles', '2026-03-08T20:00:00Z'), {
      id: '2026-03-08',
      start: '2026-03-08T08:00:00.000Z',
      hours: 23,
    });
    // Two moments that show the same hour on the wall are in one day.
    for (const iso of ['2026-11-01T08:30:00Z', '2026-11-01T09:30:00Z']) {
      assert.deepEqual(dayAt('America/Los_Angeles', iso), {
        id: '2026-11-01',
        start: '2026-11-01T07:00:00.000Z',
        hours: 25,
      });
    }
  });

  it('follow other zones, also where midnight itself is skipped', () => {
    assert.deepEqual(dayAt('UTC', '2026-03-08T23:59:59Z'), {
      id: '2026-03-08',
      start: '2026-03-08T00:00:00.000Z',
      hours: 24,
    });
    assert.equal(dayAt('Asia/Kolkata', '2026-05-01T12:00:00Z').start, '2026-04-30T18:30:00.000Z');
    // At midnight of 6 September 2026 Chile's clocks go to 1 o'clock.
    assert.deepEqual(dayAt('America/Santiago', '2026-09-06T12:00:00Z'), {
      id: '2026-09-06',
      start: '2026-09-06T04:00:00.000Z',
      hours: 23,
    });
    assert.throws(() => new QuotaDays('Mars/Olympus'), RangeError);
  });

  it('follow each other without a gap, their dates in order, also when time goes back', () => {
    const moment = fc.integer({ min: Date.UTC(2024, 0, 1), max: Date.UTC(2028, 0, 1) });
    const zone = fc.constantFrom('America/Los_Angeles', 'Europe/Berlin', 'Australia/Lord_Howe', 'UTC');
    fc.assert(
      fc.property(zone, fc.array(moment, { minLength: 1, maxLength: 5 }), (timeZone, moments) => {
        const days = new QuotaDays(timeZone);
        for (const nowMs of moments) {
          const day = days.dayOf(nowMs);
          assert.ok(day.startMs <= nowMs && nowMs < day.endMs);
          const next = days.dayOf(day.endMs);
          assert.equal(next.startMs, day.endMs);
          assert.ok(next.id > day.id, `${next.id} after ${day.id}`);
          assert.deepEqual(days.dayOf(day.endMs - 1), day);
        }
      }),
      runs(),
    );
  });
});
