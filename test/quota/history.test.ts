import assert from 'node:assert/strict';
import fc from 'fast-check';
import * as z from 'zod/mini';
import { QuotaDays } from '../../functions/src/quota/day.ts';
import { emptyHistory, type History, latestHours, withDone } from '../../functions/src/quota/history.ts';
import { historyReport, historyShown } from '../../functions/src/quota/historyReport.ts';
import { emptyLedger, type LedgerState } from '../../functions/src/quota/ledgerState.ts';
import { maxKnownReports, reportIdLength } from '../../functions/src/quota/limits.ts';
import { noOperations, type Operations, plus } from '../../functions/src/quota/operations.ts';
import { plusWork, type Work } from '../../functions/src/quota/work.ts';
import { runs } from '../support/runs.ts';
import { days, noonMs, writes } from './book.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Adds one write and so many answers at each of these moments. */
function added(moments: readonly number[], zone = days, history = emptyHistory()): History {
  const done = { operations: writes(1), work: { responses: 2 } };
  return moments.reduce((sum, nowMs) => withDone(sum, done, nowMs, zone.dayOf(nowMs)), history);
}

/** A history as operators see it. */
function shown(history: History, nowMs: number, zone = days) {
  const state: LedgerState = { ...emptyLedger(history.day.id), history };
  return historyReport(state, zone.dayOf(nowMs), zone, nowMs);
}

describe('the history', () => {
  it('has a sum for each hour of UTC, oldest first, of those in which something was reported', () => {
    const startMs = Date.UTC(2026, 0, 1, 20);
    const { hours } = added([startMs + 1, startMs + hourMs - 1, startMs + 2 * hourMs]);
    assert.deepEqual(hours, [
      { startMs, operations: writes(2), work: { responses: 4 } },
      { startMs: startMs + 2 * hourMs, operations: writes(1), work: { responses: 2 } },
    ]);
  });

  it('keeps this hour and the 24 before it, also where there were few reports', () => {
    const hourly = added(Array.from({ length: 60 }, (_, hour) => noonMs + hour * hourMs));
    assert.equal(hourly.hours.length, 25);
    assert.equal(hourly.hours[0]?.startMs, noonMs + 35 * hourMs);
    const daily = added(Array.from({ length: 30 }, (_, day) => noonMs + day * dayMs));
    assert.deepEqual(
      daily.hours.map(({ startMs }) => startMs),
      [28, 29].map((day) => noonMs + day * dayMs),
    );
    assert.equal(shown(daily, noonMs + 40 * dayMs).hours.length, 0, 'nor shows what is older');
  });

  it('counts what comes late, or from a clock behind, at its own hour', () => {
    const { hours, month } = added([noonMs, noonMs - 1, noonMs + hourMs, noonMs - 1]);
    assert.deepEqual(
      hours.map(({ startMs, operations }) => [startMs - noonMs, operations.writes]),
      [
        [-hourMs, 2],
        [0, 1],
        [hourMs, 1],
      ],
    );
    assert.equal(month.operations.writes, 4);
  });

  it('begins a day and a month at the midnight of the time zone', () => {
    const midnightMs = Date.UTC(2026, 1, 1, 8);
    const before = added([midnightMs - 2, midnightMs - 1]);
    assert.deepEqual([before.day.id, before.month.id], ['2026-01-31', '2026-01']);
    const after = added([midnightMs], days, before);
    assert.deepEqual([after.day, after.month.id], [{ id: '2026-02-01', work: { responses: 2 } }, '2026-02']);
    assert.deepEqual([after.month.work, after.total], [{ responses: 2 }, { responses: 6 }]);
    const { today, month, total, hours } = shown(after, midnightMs + 1);
    assert.equal(today.start, '2026-02-01T08:00:00.000Z');
    assert.equal(month.start, '2026-02-01T08:00:00.000Z');
    assert.deepEqual([today.counts.responses, month.counts.responses, total.responses], [2, 2, 6]);
    assert.equal(hours.length, 2);
  });

  it('shows nothing of a day and a month that are over', () => {
    const history = added([Date.UTC(2026, 0, 31, 20)]);
    const nextDay = shown(history, Date.UTC(2026, 1, 1, 20));
    assert.deepEqual([nextDay.today.counts.responses, nextDay.month.counts.responses], [0, 0]);
    assert.deepEqual([nextDay.month.writes, nextDay.total.responses], [0, 2]);
  });

  for (const [name, dayId, hoursOfDay, monthStart] of [
    ['23 hours, when clocks go forward', '2026-03-08', 23, '2026-03-01T08:00:00.000Z'],
    ['25 hours, when they go back', '2026-11-01', 25, '2026-11-01T07:00:00.000Z'],
    ['24 hours, in the month in which they went forward', '2026-03-20', 24, '2026-03-01T08:00:00.000Z'],
  ] as const) {
    it(`has all of a day with ${name}`, () => {
      const day = days.dayOf(Date.parse(`${dayId}T18:00:00Z`));
      assert.equal(day.id, dayId);
      assert.equal(day.endMs - day.startMs, hoursOfDay * hourMs);
      const moments = Array.from({ length: hoursOfDay }, (_, hour) => day.startMs + hour * hourMs + 7);
      const { hours, today, month } = shown(added(moments), day.endMs - 1);
      assert.equal(hours.length, hoursOfDay);
      assert.equal(hours[0]?.start, new Date(day.startMs).toISOString());
      assert.equal(today.counts.responses, 2 * hoursOfDay);
      assert.equal(month.start, monthStart);
    });
  }

  it('adds up: hours to the day, days to the month, all to the total, whatever clocks say', () => {
    const kinds = fc.constantFrom('responses', 'polls', 'of a version to come');
    const step = fc.record({
      passMs: fc.oneof(fc.nat(hourMs), fc.nat(9 * hourMs)),
      skewMs: fc.integer({ min: -2_000, max: 2_000 }),
      writes: fc.nat(1_000),
      work: fc.dictionary(kinds, fc.integer({ min: 1, max: 1_000 }), { noNullPrototype: true }),
    });
    // From days before the clocks change, or a month ends, on.
    const start = fc.constantFrom(...['2026-03-06', '2026-10-30', '2026-01-30'].map((id) => `${id}T09:00Z`));
    fc.assert(
      fc.property(start, fc.array(step, { maxLength: 60 }), (startAt, steps) => {
        let nowMs = Date.parse(startAt);
        let history = emptyHistory();
        const sums = new Map<string, { operations: Operations; work: Work }>();
        let latestDay = '';
        for (const { passMs, skewMs, writes: count, work } of steps) {
          nowMs += passMs;
          const atMs = nowMs + skewMs;
          const day = days.dayOf(atMs);
          // The ledger takes no report of a day that is over.
          if (day.id < latestDay) continue;
          latestDay = day.id;
          const done = { operations: writes(count), work };
          history = withDone(history, done, atMs, day);
          for (const name of [day.id, day.id.slice(0, 7), 'total']) {
            const sum = sums.get(name) ?? { operations: noOperations, work: {} };
            const operations = plus(sum.operations, done.operations);
            sums.set(name, { operations, work: plusWork(sum.work, work) });
          }
          const ofDay = history.hours.filter(({ startMs }) => startMs >= day.startMs);
          assert.deepEqual(
            {
              operations: ofDay.map((hour) => hour.operations).reduce(plus, noOperations),
              work: ofDay.map((hour) => hour.work).reduce(plusWork, {}),
            },
            sums.get(day.id),
          );
          assert.deepEqual(history.day.work, sums.get(day.id)?.work);
          const { id: _, ...month } = history.month;
          assert.deepEqual(month, sums.get(day.id.slice(0, 7)));
          assert.deepEqual(history.total, sums.get('total')?.work);
          assert.ok(history.hours.length <= 25);
          assert.deepEqual(latestHours(history.hours, atMs), history.hours);
        }
      }),
      runs(200),
    );
  });

  it('begins the months of every zone and day where they begin', () => {
    for (const zone of ['UTC', 'Asia/Kolkata', 'Pacific/Kiritimati', 'America/St_Johns']) {
      const zoned = new QuotaDays(zone);
      for (let nowMs = Date.UTC(2026, 0, 1, 12); nowMs < Date.UTC(2027, 0, 1); nowMs += 5 * dayMs) {
        const day = zoned.dayOf(nowMs);
        const first = zoned.dayOf(zoned.monthStartMs(day));
        assert.equal(first.id, `${day.id.slice(0, 7)}-01`);
        assert.equal(first.startMs, zoned.monthStartMs(day));
      }
    }
  });

  it('takes at most 14 KB of the ledger, with all numbers as long as they get', () => {
    const most = Number.MAX_SAFE_INTEGER;
    const names = ['responses', 'tasks', 'changes', 'operations', 'carriers', 'polls', 'files'];
    const work = Object.fromEntries(names.map((name) => [name, most]));
    const done = { operations: { writes: most, reads: most, deletes: most }, work };
    let history = emptyHistory();
    for (let hour = 0; hour < 30; hour += 1) {
      const nowMs = noonMs + hour * hourMs;
      history = withDone(history, done, nowMs, days.dayOf(nowMs));
    }
    const reports = Array.from({ length: maxKnownReports }, () => 'f'.repeat(reportIdLength));
    assert.ok(JSON.stringify({ history, reports }).length < 14 * 1024);
  });

  it('is as its schema says', () => {
    z.parse(historyShown(), shown(added([noonMs]), noonMs));
    z.parse(historyShown(), historyReport(undefined, days.dayOf(noonMs), days, noonMs));
  });
});
