import assert from 'node:assert/strict';
import { topCauses } from '../../dashboard/src/overview/causes.ts';
import { barsPath, busiest, latestHours, sumOf } from '../../dashboard/src/overview/hours.ts';
import { metersOf } from '../../dashboard/src/overview/limits.ts';
import {
  bytes,
  compact,
  counted,
  duration,
  number,
  time,
  unknown,
  utc,
} from '../../dashboard/src/ui/format.ts';
import { startMs } from '../support/clock.ts';
import { span } from './sample.ts';

const hourMs = 3_600_000;
const iso = (ms: number): string => new Date(ms).toISOString();

describe('figures', () => {
  it('of any size are written short, and whole where asked', () => {
    const values = [0, 0.04, 9.96, 12, 99.94, 100.4, 99_999, 100_000, 12_345_678, 9.9e15];
    assert.deepEqual(values.map(compact), [
      '0',
      '0',
      '10',
      '12',
      '99.9',
      '100',
      '99,999',
      '100K',
      '12.3M',
      '9900T',
    ]);
    assert.equal(number(12_345_678.9), '12,345,679');
    for (const value of values) assert.ok(compact(value).length <= 6, compact(value));
  });

  it('that cannot be known are called unknown, never zero', () => {
    for (const value of [null, undefined, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.deepEqual([number(value), compact(value), bytes(value)], [unknown, unknown, unknown]);
    }
  });

  it('of bytes have a unit', () => {
    assert.deepEqual([0, 999, 1000, 1_234_567, 9.9e9, 1e18].map(bytes), [
      '0 B',
      '999 B',
      '1 KB',
      '1.2 MB',
      '9.9 GB',
      '1,000 PB',
    ]);
  });

  it('of time have their largest two units', () => {
    const shown = [0, 40_000, 59_600, 200_000, 660_000, 2 * hourMs + 60_000, 52 * hourMs, -5];
    assert.deepEqual(shown.map(duration), [
      ...['0 s', '40 s', '1 min', '3 min 20 s', '11 min', '2 h 1 min', '2 d 4 h', '0 s'],
    ]);
    assert.doesNotMatch(time(startMs, startMs), /Jan/);
    assert.match(time(startMs - 72 * hourMs, startMs), /Dec/);
    assert.equal(utc(startMs), '2026-01-01 00:00:00 UTC');
    assert.deepEqual([counted(1, 'task'), counted(2, 'task')], ['1 task', '2 tasks']);
  });
});

describe('meters of operations', () => {
  const quota = {
    current_usage: {
      writes: { per_second: 400, per_minute: 40_000, per_day: 17_000, total: 1 },
      reads: { per_second: 0, per_minute: 0, per_day: 46_000, total: 1 },
      deletes: { per_second: 0, per_minute: 0, per_day: 5, total: 1 },
    },
    quota_limits: {
      writes_per_day: 20_000,
      reads_per_day: 50_000,
      deletes_per_day: null,
      writes_per_second: 1000,
    },
    rate_limits: { writes_per_second: 800, writes_per_minute: 50_000 },
    charged_today: { writes: 18_500, reads: 46_000, deletes: null },
  };
  const shown = (type: 'writes' | 'reads' | 'deletes') =>
    metersOf(quota, type).map(({ used, limit, share, level }) => [used, limit, share, level]);

  it('are against what Sluice grants, and against the day’s budget as it is charged', () => {
    assert.deepEqual(shown('writes'), [
      [400, 800, 0.5, 'calm'],
      [40_000, 50_000, 0.8, 'near'],
      [17_000, 20_000, 0.925, 'full'],
    ]);
  });

  it('tell a limit that there is not from one that is unknown', () => {
    assert.deepEqual(shown('deletes').at(2), [5, null, undefined, 'calm']);
    assert.deepEqual(shown('reads').at(0), [0, undefined, undefined, 'calm']);
  });

  it('are unknown where the ledger cannot be read', () => {
    for (const nothing of [
      null,
      undefined,
      {},
      { current_usage: null, quota_limits: null, rate_limits: null },
    ]) {
      for (const meter of metersOf(nothing, 'writes')) {
        assert.deepEqual([meter.used, meter.limit, meter.share], [undefined, undefined, undefined]);
      }
    }
  });
});

describe('the last 24 hours', () => {
  const nowMs = startMs + 30 * hourMs + 60_000;
  const current = startMs + 30 * hourMs;
  const today = span(iso(startMs), 0);
  const history = {
    hours: [
      span(iso(current - 24 * hourMs), 999),
      span(iso(current - 23 * hourMs), 100),
      span(iso(current), 40),
    ],
    today,
    month: today,
  };
  const hours = latestHours(history, nowMs) ?? [];

  it('end with the hour that runs; an hour without a report has zeros, an older one is left out', () => {
    assert.equal(hours.length, 24);
    assert.deepEqual([hours[0]?.startMs, hours.at(-1)?.startMs], [current - 23 * hourMs, current]);
    assert.deepEqual(
      [sumOf(hours, 'responses'), sumOf(hours, 'tasks'), sumOf(hours, 'writes')],
      [140, 28, 70],
    );
    assert.equal(hours[5]?.reads, 0);
  });

  it('have a busiest one, unless nothing came', () => {
    assert.equal(busiest(hours, 'responses')?.startMs, current - 23 * hourMs);
    assert.equal(busiest(hours, 'deletes'), undefined);
  });

  it('are unknown without a history', () => {
    assert.deepEqual([latestHours(null, nowMs), latestHours(undefined, nowMs)], [undefined, undefined]);
  });

  it('are drawn as bars of which the highest fills the picture and none but a zero is missing', () => {
    assert.equal(barsPath([0, 1, 1000], 30, 10), 'M10 10v-1h7v1zM20 10v-10h7v10z');
    assert.equal(barsPath([0, 0], 30, 10), '');
  });
});

describe('the causes of the day’s operations', () => {
  const cause = (writes: number, reads = 0) => ({ writes, reads, deletes: 0 });

  it('are those with the most, by their names in words', () => {
    const quota = {
      by_cause: { list_tasks: cause(0, 30), flush: cause(90, 20), ledger: cause(1), none: cause(0) },
    };
    assert.deepEqual(
      topCauses(quota, 3)?.map(({ name, total }) => [name, total]),
      [
        ['flush', 110],
        ['list tasks', 30],
        ['ledger', 1],
      ],
    );
  });

  it('are unknown where the ledger cannot be read, and none before anything was done', () => {
    assert.deepEqual([topCauses(null, 3), topCauses({ by_cause: {} }, 3)], [undefined, []]);
  });
});
