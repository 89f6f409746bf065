import assert from 'node:assert/strict';
import { type BatchSeconds, totalOf } from '../../bench/cost/coefficients.ts';
import { readCoefficients } from '../../bench/cost/coefficientsFile.ts';
import { billOf, daysAMonth, monthOf, type Traffic } from '../../bench/cost/month.ts';
import { plainMonth } from '../../bench/cost/plain.ts';
import { dollarsOf, shownDollars } from '../../dashboard/src/cost/dollars.ts';
import { noUse, plusUse, type Use } from '../../dashboard/src/cost/use.ts';
import type { History } from '../../dashboard/src/feed/status.ts';
import { prices } from '../../local/bill/prices.ts';
import { traffic as oneASecond } from '../system/cost/traffic.ts';

const coefficients = readCoefficients();
const dayMs = 86_400_000;
const monthStartMs = Date.parse('2026-03-01T08:00:00Z');
/** A month of thirty days is over, of which the last is today. */
const nowMs = monthStartMs + daysAMonth * dayMs;
const todayStartMs = nowMs - dayMs;

/** The ledger's figures after a month of this traffic, by the bench's own. */
function monthsUse(traffic: Traffic): Use {
  const month = monthOf(traffic, coefficients);
  const { firestoreWrite, firestoreRead, firestoreDelete } = totalOf(month);
  const flushed = Object.entries(month).filter(([cause]) => cause.startsWith('flush'));
  const tasks = traffic.tasksPerDay * daysAMonth;
  return {
    writes: firestoreWrite,
    reads: firestoreRead,
    deletes: firestoreDelete,
    counts: {
      ...noUse.counts,
      tasks,
      changes: tasks,
      responses: tasks * traffic.responsesPerTask,
      carriers: flushed.reduce((sum, [, amounts]) => sum + (amounts.functionRequest ?? 0), 0),
    },
  };
}

/** A history in which each hour is alike. */
function evenly(month: Use): History {
  const share = (part: number): Use => plusUse(noUse, month, part);
  const hours = Array.from({ length: 24 }, (_, hour) => ({
    start: new Date(todayStartMs + hour * 3_600_000).toISOString(),
    ...share(1 / daysAMonth / 24),
  }));
  const today = { start: new Date(todayStartMs).toISOString(), ...share(1 / daysAMonth) };
  return { hours, today, month: { start: new Date(monthStartMs).toISOString(), ...month } };
}

const trafficAt = (rate: number, batchSeconds: BatchSeconds): Traffic => ({
  ...oneASecond,
  tasksPerDay: rate * oneASecond.tasksPerDay,
  batchSeconds,
});

function within(tolerance: number, actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) <= tolerance * expected, `${actual} instead of ${expected}`);
}

const empty = evenly(noUse);

describe('dollars', () => {
  for (const rate of [0.01, 0.1, 1, 10, 100]) {
    for (const batchSeconds of [0, 2, 5] as const) {
      it(`are those of npm run cost within 1 % at ${rate} events a second, sent by ${batchSeconds} s`, () => {
        const traffic = trafficAt(rate, batchSeconds);
        const expected = billOf(monthOf(traffic, coefficients));
        const { today, month } = dollarsOf(evenly(monthsUse(traffic)), nowMs, coefficients);
        within(0.01, month.total, expected.list.total);
        within(0.01, month.afterFree + 1, expected.afterFree.total + 1);
        within(0.01, today.total, expected.list.total / daysAMonth);
      });
    }

    it(`of the plain ways are those of npm run cost at ${rate} events a second`, () => {
      const traffic = trafficAt(rate, 0);
      const { month } = dollarsOf(evenly(monthsUse(traffic)), nowMs, coefficients);
      for (const way of ['a server of its own', 'functions', 'BulkWriter'] as const) {
        within(0.001, month.plain[way], billOf(plainMonth(way, traffic)).list.total);
      }
    });
  }

  it('lie between two ways of sending where the carriers do', () => {
    const [single, batched] = [0, 5].map((batchSeconds) =>
      monthsUse(trafficAt(10, batchSeconds as BatchSeconds)),
    );
    assert.ok(single && batched);
    const costWith = (carriers: number): number => {
      const use = { ...single, counts: { ...single.counts, carriers } };
      return dollarsOf(evenly(use), nowMs, coefficients).month.total;
    };
    const costs = [single.counts.carriers, single.counts.carriers / 2, batched.counts.carriers, 0].map(
      costWith,
    );
    assert.deepEqual(
      costs.toSorted((a, b) => b - a),
      costs,
    );
    assert.equal(costs[3], costs[2], 'batches of 5 s are the least that was measured');
    assert.equal(costWith(single.counts.carriers * 5), costs[0], 'one by one is the most');
  });

  it('of Firestore are exact', () => {
    const use = { ...noUse, writes: 1_000_000, reads: 500_000, deletes: 20_000 };
    const { month } = dollarsOf(evenly(use), nowMs, coefficients);
    const firestore = month.byCause.find(({ name }) => name === 'Firestore')?.dollars ?? 0;
    within(1e-9, firestore, 1_000_000 * prices.firestoreWrite + 500_000 * prices.firestoreRead + 0.004);
  });

  it('by cause are the total', () => {
    const { today, month } = dollarsOf(evenly(monthsUse(trafficAt(1, 2))), nowMs, coefficients);
    for (const { total, byCause } of [today, month]) {
      within(
        1e-9,
        byCause.reduce((sum, { dollars }) => sum + dollars, 0),
        total,
      );
    }
    assert.ok(month.byCause.every(({ dollars, name }) => (name === 'Polls' ? dollars === 0 : dollars > 0)));
  });

  it('without traffic are those of the idle month', () => {
    const idle = billOf(coefficients.idle_month).list.total;
    const quiet = evenly({ ...noUse, reads: 30 });
    const { today, month, projected } = dollarsOf(quiet, nowMs, coefficients);
    within(1e-3, month.total, idle);
    within(1e-3, today.total, idle / daysAMonth);
    within(1e-3, projected.total, (idle * 31) / daysAMonth);
    assert.deepEqual(month.plain, { 'a server of its own': 0, functions: 0, BulkWriter: 0 });
  });

  it('begin today where nothing was used before', () => {
    const { today, month } = dollarsOf(empty, nowMs, coefficients);
    assert.ok(today.total > 0);
    within(1e-9, month.total, today.total);
  });

  it('of the whole month go on as the last day did', () => {
    const history = evenly(monthsUse(trafficAt(1, 0)));
    const { today, month, projected } = dollarsOf(history, nowMs, coefficients);
    within(1e-6, projected.total, month.total + today.total);
  });

  it('count polls, files and document operations', () => {
    const counts = { ...noUse.counts, operations: 3000, files: 70, polls: 100_000 };
    const { month } = dollarsOf(evenly({ ...noUse, counts }), nowMs, coefficients);
    const polls = month.byCause.find(({ name }) => name === 'Polls')?.dollars ?? 0;
    const { functionRequest = 0, vcpuSecond = 0 } = Object.values(coefficients.poll.per_miss)[0] ?? {};
    assert.ok(polls >= 100_000 * (functionRequest * prices.functionRequest + vcpuSecond * prices.vcpuSecond));
    assert.ok((month.byCause.find(({ name }) => name === 'Accepting')?.dollars ?? 0) > 0);
    const writes = 3070 * prices.firestoreWrite;
    within(1e-9, month.plain['a server of its own'], writes + 100_000 * prices.firestoreRead);
  });

  it('are numbers whatever of the history is missing', () => {
    const first = { ...empty, today: { ...empty.today, start: empty.month.start }, hours: [] };
    for (const at of [monthStartMs, monthStartMs - 5000, nowMs]) {
      const { today, month, projected } = dollarsOf(first, at, coefficients);
      const all = [today.total, month.total, month.afterFree, projected.total, projected.afterFree];
      assert.ok(
        all.every((each) => Number.isFinite(each) && each >= 0),
        String(all),
      );
    }
  });
});

describe('dollars as they are shown', () => {
  it('have the digits that tell something', () => {
    const shown = [0, 0.00001, 0.0012, 0.0123, 0.123, 1.239, 123.4, 1234.5].map(shownDollars);
    assert.deepEqual(shown, ['$0.00', '< $0.0001', '$0.0012', '$0.012', '$0.12', '$1.24', '$123', '$1,235']);
  });

  it('are unknown where the history of another version lacks a count', () => {
    assert.equal(shownDollars(Number.NaN), 'unknown');
  });
});
