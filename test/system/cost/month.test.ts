import assert from 'node:assert/strict';
import { adviceFor, cheapestRanges } from '../../../bench/cost/advice.ts';
import { type Coefficients, causesOf, totalOf, withoutCauses } from '../../../bench/cost/coefficients.ts';
import { readCoefficients } from '../../../bench/cost/coefficientsFile.ts';
import { billOf, monthOf, type Traffic } from '../../../bench/cost/month.ts';
import { plainMonth } from '../../../bench/cost/plain.ts';
import { missesPerSecond, sentBytes } from '../../../bench/cost/polls.ts';
import { linesOf, rateTable, reportOn } from '../../../bench/cost/report.ts';
import { noUsage } from '../../../bench/shared/usage.ts';
import { costsOf } from '../../../local/bill/bill.ts';
import { freePerMonth, prices } from '../../../local/bill/prices.ts';
import { traffic as oneASecond } from './traffic.ts';

const traffic: Traffic = { ...oneASecond, responseBytes: 1000 };

const run = {
  batch_seconds: 0,
  profile: 'default',
  responses_per_task: 3,
  response_bytes: 1000,
  events_per_s: 1,
  tasks: 100,
  per_task: { ingest: { functionRequest: 5 }, Firestore: { firestoreWrite: 2 } },
} as const;

/** A day of 17,280 tasks of five events is one event a second. */
const invented: Coefficients = {
  measured: 'invented',
  idle_month: { Scheduler: { schedulerJob: 3 } },
  runs: [
    run,
    { ...run, events_per_s: 100, per_task: { ...run.per_task, ingest: { functionRequest: 0.5 } } },
    { ...run, responses_per_task: 13, per_task: { Firestore: { firestoreWrite: 4 } } },
    { ...run, response_bytes: 2000, per_task: { ...run.per_task, 'Cloud Storage': { storageClassA: 3 } } },
    { ...run, profile: 'small', per_task: { ...run.per_task, ingest: { functionRequest: 1 } } },
    { ...run, batch_seconds: 5, per_task: { Firestore: { firestoreWrite: 2 } } },
  ],
  poll: {
    per_miss: { 'polls: api': { functionRequest: 1, vcpuSecond: 0.1 } },
    header_bytes: 100,
    max_instances: 2,
  },
};

const tasks = 17_280 * 30;
const amounts = (changed: Partial<Traffic>) => totalOf(monthOf({ ...traffic, ...changed }, invented));
const near = (actual: number, expected: number): void =>
  assert.ok(Math.abs(actual - expected) <= 1e-9 * Math.abs(expected), `${actual} instead of ${expected}`);

describe('a month’s amounts', () => {
  it('are those of the measured rate, and of the idle month', () => {
    near(amounts({}).functionRequest, 5 * tasks);
    near(amounts({}).firestoreWrite, 2 * tasks);
    assert.equal(amounts({}).schedulerJob, 3);
  });

  it('are the idle month’s without traffic', () => {
    assert.deepEqual(monthOf({ ...traffic, tasksPerDay: 0 }, invented), invented.idle_month);
  });

  it('follow the rate in the hours in which tasks come', () => {
    near(amounts({ tasksPerDay: 1_728_000 }).functionRequest, 0.5 * 100 * tasks);
    near(amounts({ tasksPerDay: 172_800 }).functionRequest, 5 * Math.sqrt(10) * tasks);
    near(amounts({ tasksPerDay: 1_728_000 / 8, hoursADay: 3 }).functionRequest, (0.5 * 100 * tasks) / 8);
  });

  it('follow the responses: what each event costs by their number, what each task costs as measured', () => {
    near(amounts({ tasksPerDay: 8640, responsesPerTask: 8 }).functionRequest, 5 * tasks);
    near(amounts({ tasksPerDay: 8640, responsesPerTask: 8 }).firestoreWrite, 3 * (tasks / 2));
    near(amounts({ tasksPerDay: 8640, responsesPerTask: 23 }).firestoreWrite, 6 * (tasks / 2));
  });

  it('follow the size of responses, which costs nothing up to the smallest measured', () => {
    assert.equal(amounts({}).storageClassA, 0);
    assert.equal(amounts({ responseBytes: 10 }).storageClassA, 0);
    near(amounts({ responseBytes: 1500 }).storageClassA, 1.5 * tasks);
    near(amounts({ responseBytes: 5000 }).storageClassA, 12 * tasks);
  });

  it('follow the way and the profile', () => {
    near(amounts({ profile: 'small' }).functionRequest, tasks);
    assert.equal(amounts({ batchSeconds: 5 }).functionRequest, 0);
    assert.throws(() => amounts({ batchSeconds: 2 }), /No run was measured by 2 s in profile default/);
  });

  it('have the polls in them', () => {
    const { functionRequest, hostingByte, firestoreRead, logByte, vcpuSecond } = totalOf(
      monthOf({ ...traffic, tasksPerDay: 0, miners: 200 }, invented),
    );
    const polls = 200 * 12 * 60 * 24 * 30;
    near(functionRequest, polls / 2);
    // Twenty a second on two instances: each is busy but for the chance that none of ten comes within 100 ms.
    near(vcpuSecond, 2 * 30 * 86_400 * (1 - Math.exp(-1)));
    near(hostingByte, polls * (100 + sentBytes(500)));
    near(firestoreRead, (2 * 30 * 86_400) / 5);
    near(logByte, (polls / 2) * 800);
    assert.equal(
      totalOf(monthOf({ ...traffic, miners: 200, excludesRequestLogs: true }, invented)).logByte,
      0,
    );
  });
});

describe('the bytes of a poll’s answer', () => {
  it('are fewer where it is compressed, which a short one is not', () => {
    assert.equal(sentBytes(199), 199);
    near(sentBytes(500), 220 + 95 + 41);
    near(sentBytes(10_000), 220 + 1_900 + 41);
  });
});

describe('polls that the cache does not answer', () => {
  it('are all without a cache', () => near(missesPerSecond(0.2, 0), 0.2));
  it('are one loop’s while it is kept for half a loop', () => near(missesPerSecond(0.2, 5), 0.1));
  it('are one each time it ends', () => near(missesPerSecond(0.2, 30), 1 / 30));
  it('are none without polls', () => assert.equal(missesPerSecond(0, 5), 0));

  it('never grow with the cache, nor fall with the polls', () => {
    for (const polls of [0.01, 0.1, 0.2, 1, 10]) {
      for (let cache = 0; cache < 30; cache += 1) {
        assert.ok(missesPerSecond(polls, cache + 1) <= missesPerSecond(polls, cache) + 1e-12);
        assert.ok(missesPerSecond(polls * 1.1, cache) >= missesPerSecond(polls, cache) - 1e-12);
      }
    }
  });
});

describe('the plain way’s month', () => {
  const plain = (way: Parameters<typeof plainMonth>[0], changed: Partial<Traffic> = {}) =>
    totalOf(plainMonth(way, { ...traffic, ...changed }));

  it('logs its requests in functions, unless these logs are excluded there as well', () => {
    assert.ok(plain('functions').logByte > 0);
    assert.equal(plain('functions', { excludesRequestLogs: true }).logByte, 0);
    assert.equal(plain('a server of its own').logByte, 0);
  });

  it('writes each event and reads twice before each response', () => {
    near(plain('a server of its own').firestoreWrite, 5 * tasks);
    near(plain('a server of its own').firestoreRead, 6 * tasks);
    assert.equal(plain('a server of its own').functionRequest, 0);
    assert.equal(plain('BulkWriter').firestoreRead, 0);
  });

  it('has each event as a request in functions, which share their units by chance', () => {
    near(plain('functions').functionRequest, 5 * tasks);
    near(plain('functions').vcpuSecond, 30 * 86_400 * (1 - Math.exp(-0.1)));
    near(plain('functions').gibSecond, plain('functions').vcpuSecond / 4);
    near(plain('functions').logByte, 5 * tasks * 800);
    const few = plain('functions', { tasksPerDay: 1 });
    assert.ok(Math.abs(few.vcpuSecond / (30 * 5 * 0.1) - 1) < 0.001);
  });

  it('reads once for each poll, and is asked', () => {
    near(plain('a server of its own', { tasksPerDay: 0, miners: 1 }).firestoreRead, 518_400);
    near(plain('functions', { tasksPerDay: 0, miners: 1 }).functionRequest, 518_400);
  });
});

describe('a bill', () => {
  it('is the sum of its causes, and no more than list price after free amounts', () => {
    const bill = billOf(monthOf({ ...traffic, miners: 20 }, invented));
    const sum = Object.values(bill.byCause).reduce((a, b) => a + b, 0);
    near(sum, bill.list.total);
    assert.ok(bill.afterFree.total < bill.list.total);
    assert.equal(bill.afterFree.standing, 0);
    const paid = 2 * tasks - freePerMonth.firestoreWrite;
    near(bill.afterFree.firestore, paid * prices.firestoreWrite);
  });
});

describe('a usage by causes', () => {
  const usage = {
    ...noUsage,
    firestore: { reads: 3, writes: 2, deletes: 1 },
    functions: {
      ...noUsage.functions,
      requests: 9,
      active_s: 3,
      vcpu_s: 2,
      gib_s: 1,
      log_bytes: 100,
      by_function: {
        ingest: part(0.5, { 'POST /v1/tasks': [2, 1], 'POST /v1/responses': [3, 0], start: [0, 1] }),
        flush: part(1, { first: [4, 1] }),
      },
    },
    scheduler: { jobs: 2 },
  };

  function part(vcpu: number, causes: Record<string, [number, number]>) {
    const by_cause = Object.fromEntries(
      Object.entries(causes).map(([cause, [requests, active_s]]) => [cause, { requests, active_s }]),
    );
    return { vcpu, memory_gib: vcpu / 2, starts: 1, requests: 0, active_s: 0, by_cause };
  }

  it('tells deliveries and starts apart, not routes', () => {
    assert.deepEqual(causesOf(usage, 2, 0.5), {
      ingest: { functionRequest: 10, vcpuSecond: 1, gibSecond: 0.5 },
      'ingest: start': { vcpuSecond: 1, gibSecond: 0.5 },
      'flush: first': { functionRequest: 8, vcpuSecond: 2, gibSecond: 1 },
      Firestore: { firestoreRead: 6, firestoreWrite: 4, firestoreDelete: 2 },
      logs: { logByte: 200 },
      Scheduler: { schedulerJob: 2 },
    });
  });

  it('loses others, down to nothing', () => {
    const causes = { a: { firestoreRead: 3, firestoreWrite: 1 }, b: { logByte: 1 } };
    assert.deepEqual(withoutCauses(causes, { a: { firestoreRead: 1, firestoreWrite: 9 } }, 2), {
      a: { firestoreRead: 1 },
      b: { logByte: 1 },
    });
  });
});

describe('the cheapest ranges', () => {
  it('end where another way becomes cheaper', () => {
    const ranges = cheapestRanges({ fixed: () => 10, growing: (tasks) => tasks / 100 });
    // At 1,000 both cost the same; to count as cheaper takes 2 %.
    assert.equal(ranges.length, 2);
    assert.equal(ranges[0]?.name, 'growing');
    assert.ok(Math.abs((ranges[0]?.upToTasksPerDay ?? 0) - 1000 / 0.98) < 2);
    assert.deepEqual(ranges[1], { name: 'fixed', upToTasksPerDay: Number.POSITIVE_INFINITY });
  });

  it('do not change for a difference that may be chance', () => {
    const ranges = cheapestRanges({ a: (tasks) => (tasks < 50 ? 1 : 1.01), b: () => 1.005 });
    assert.deepEqual(ranges, [{ name: 'a', upToTasksPerDay: Number.POSITIVE_INFINITY }]);
  });

  it('are one where one way is always cheapest', () => {
    assert.deepEqual(cheapestRanges({ a: () => 1, b: () => 2 }), [
      { name: 'a', upToTasksPerDay: Number.POSITIVE_INFINITY },
    ]);
  });
});

describe('the measured coefficients', () => {
  const coefficients = readCoefficients();
  const total = (changed: Partial<Traffic>): number =>
    billOf(monthOf({ ...traffic, ...changed }, coefficients)).list.total;

  it('bill an idle month where there is no traffic', () => {
    near(total({ tasksPerDay: 0 }), costsOf(totalOf(coefficients.idle_month)).total);
  });

  const growing: Partial<Record<keyof Traffic, number[]>> = {
    tasksPerDay: [0, 1, 30, 1000, 20_000, 100_000, 1_000_000, 10_000_000],
    responsesPerTask: [1, 2, 3, 4, 8, 20, 256],
    responseBytes: [1, 500, 1700, 5000, 20_000, 100_000, 1_000_000],
    hoursADay: [1, 2, 6, 12, 24],
    miners: [0, 1, 20, 200, 1000],
    pollsPerMinute: [0, 1, 4, 12, 60, 600],
    pollBytes: [0, 199, 200, 300, 500, 5000, 100_000],
  };
  for (const [argument, values] of Object.entries(growing)) {
    it(`make nothing cheaper by more: ${argument}`, () => {
      for (const profile of ['default', 'small'] as const) {
        for (const batchSeconds of [0, 5] as const) {
          const totals = values.map((value) =>
            total({ profile, batchSeconds, miners: 20, [argument]: value }),
          );
          const falls = totals.filter((dollars, index) => dollars < (totals[index - 1] ?? 0) - 1e-9);
          assert.deepEqual(falls, [], `${profile} ${batchSeconds}: ${totals}`);
        }
      }
    });
  }

  it('make polls no dearer by a longer cache', () => {
    const totals = [0, 1, 3, 5, 9, 10, 20, 30].map((pollCacheSeconds) =>
      total({ miners: 200, pollCacheSeconds }),
    );
    assert.deepEqual(
      totals,
      totals.toSorted((a, b) => b - a),
    );
  });

  it('name changes, each with what it saves', () => {
    const asked = { ...traffic, miners: 200 };
    const { changes, together } = adviceFor(asked, coefficients);
    const cache = changes.find(({ what }) => what.startsWith('POLL_CACHE_SECONDS=30'));
    near(cache?.savedList ?? 0, total({ miners: 200 }) - total({ miners: 200, pollCacheSeconds: 30 }));
    assert.ok(changes.some(({ what }) => what.includes('POST /v1/events')));
    assert.ok(changes.every(({ savedList }) => savedList > 0));
    const best = { ...asked, miners: 0, batchSeconds: 5, excludesRequestLogs: true } as const;
    assert.ok(adviceFor(best, coefficients).changes.every(({ what }) => what.startsWith('PROFILE=')));
    const saved = changes.filter(({ what }) => !what.includes('half')).map(({ savedList }) => savedList);
    assert.ok(together.list.total <= total({ miners: 200 }) - Math.max(...saved) + 1e-9);
  });

  it('make a report that says where they come from', () => {
    const lines = linesOf(reportOn({ ...traffic, miners: 200 }, coefficients));
    const text = lines.join('\n');
    assert.match(text, /17,300 tasks a day with 3 responses/);
    assert.match(text, /200 miners poll 12 times a minute/);
    assert.match(text, /plain way, in functions/);
    assert.match(text, /Cheapest by list price, one by one/);
    assert.ok(text.endsWith(`Measured: ${coefficients.measured}`));
    assert.ok(lines.every((line) => [...line].length <= 120));
  });
});

describe('the table of rates', () => {
  it('has a bill of each way at each rate', () => {
    const complete: Coefficients = {
      ...invented,
      runs: [
        ...invented.runs,
        { ...run, batch_seconds: 2 },
        { ...run, batch_seconds: 2, profile: 'small' },
        { ...run, batch_seconds: 5, profile: 'small' },
      ],
    };
    const [header = '', rule = '', idle = '', one = '', ...others] = rateTable(traffic, [0, 1], complete);
    assert.deepEqual(others, []);
    const cells = [header, rule, idle, one].map((line) => line.split('|').length);
    assert.deepEqual(cells, [13, 13, 13, 13]);
    assert.match(idle, /^\| 0 \| 0 \| 0.30 \/ 0.00 \|/);
    assert.match(one, /^\| 1 \| 17,300 \|/);
  });
});
