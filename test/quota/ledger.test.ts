import assert from 'node:assert/strict';
import type { LeaseReturn } from '../../functions/src/quota/ledgerRequest.ts';
import type { HolderKind, Lease } from '../../functions/src/quota/ledgerState.ts';
import { leasableRates, maxProxyLeases } from '../../functions/src/quota/limits.ts';
import { spentBudget } from '../../functions/src/quota/report.ts';
import { nothingDone } from '../../functions/src/quota/use.ts';
import { Book, type Call, days, noonMs, reads, resetMs, writes } from './book.ts';
import { freeTier, plenty } from './scene.ts';

describe('The ledger', () => {
  it('grants what is wanted where there is plenty, and no more than there is in all', () => {
    const book = new Book();
    assert.equal(book.take(100, { holder: 'a' }).rates.writes, 100);
    assert.equal(book.take(200, { holder: 'b' }).rates.writes, 200);
    const last = book.take(5_000, { holder: 'c' });
    assert.ok(Math.abs(last.rates.writes - (leasableRates(plenty).writes - 300)) < 1e-9);
    const { lease, denials } = book.ask({ holder: 'd', wanted: { demands: writes(10) } });
    assert.equal(lease, undefined);
    assert.equal(denials.writes?.reason, 'rate');
    assert.ok((denials.writes?.retryAtMs ?? 0) > noonMs);
  });

  it('shares fairly: who wants little gets it, the others divide the rest, also with one that waits', () => {
    const book = new Book();
    let [a, b] = [book.take(5_000, { holder: 'a' }), undefined as Lease | undefined];
    book.take(50, { holder: 'small', nowMs: a.endMs + 1_000 });
    let nowMs = a.endMs + 1_000;
    for (let round = 0; round < 4; round += 1) {
      a = book.take(5_000, { holder: 'a', nowMs, returns: [{ id: a.id, spent: 'all' }] });
      const returns: LeaseReturn[] = b === undefined ? [] : [{ id: b.id, spent: 'all' }];
      const answer = book.ask({
        holder: 'b',
        nowMs: nowMs + 1_100,
        returns,
        wanted: { demands: writes(5_000) },
      });
      b = answer.lease ?? b;
      nowMs += 9_000;
    }
    const rest = leasableRates(plenty).writes - 50;
    assert.ok(Math.abs(a.rates.writes - rest / 2) < 1, `a has ${a.rates.writes}`);
    assert.ok(Math.abs((b?.rates.writes ?? 0) - rest / 2) < 1, `b has ${b?.rates.writes}`);
  });

  it('shares fairly also between proxies that have one key', () => {
    const book = new Book();
    const fixed = { amounts: writes(30_000), termMs: 60_000 };
    const first = book.take(500, { holder: 'key:k', kind: 'proxy', wanted: { fixed } });
    const second = book.take(500, { holder: 'key:k', kind: 'proxy', wanted: { fixed } });
    assert.equal(first.rates.writes, 500);
    assert.ok(second.rates.writes < 500 && second.rates.writes > 100);
    const again = book.take(500, {
      ...{ holder: 'key:k', kind: 'proxy' as const, nowMs: noonMs + 50_000 },
      returns: [{ id: first.id, spent: writes(10) }],
      wanted: { fixed, takeoverMs: noonMs + 50_000 },
    });
    assert.ok(again.rates.writes < 500, 'the first gives up what the second has a right to');
  });

  it('frees a rate that was given up a second later, and not before', () => {
    const book = new Book();
    const lease = book.take(5_000);
    book.ask({ nowMs: noonMs + 2_000, returns: [{ id: lease.id, spent: writes(1) }] });
    const wanted = { demands: writes(5_000) };
    assert.equal(book.ask({ holder: 'b', nowMs: noonMs + 2_999, wanted }).lease, undefined);
    assert.ok(book.take(5_000, { holder: 'c', nowMs: noonMs + 3_000 }).rates.writes > 300);
  });

  it('frees what a renewal gives up a second after its holder goes over to it', () => {
    const book = new Book();
    const lease = book.take(5_000);
    book.take(0.01, { holder: 'other', nowMs: lease.startMs, wanted: { demands: reads(1) } });
    book.ask({ holder: 'b', nowMs: noonMs + 4_000, wanted: { demands: writes(5_000) } });
    const takeoverMs = noonMs + 8_000;
    const returns = [{ id: lease.id, spent: writes(1) }];
    const next = book.take(5_000, { nowMs: noonMs + 5_000, returns, wanted: { takeoverMs } });
    assert.ok(next.rates.writes < 400, 'its half');
    const wanted = { demands: writes(5_000) };
    assert.equal(book.ask({ holder: 'b', nowMs: takeoverMs + 999, wanted }).lease, undefined);
    assert.ok(book.take(5_000, { holder: 'b', nowMs: takeoverMs + 1_000 }).rates.writes > 380);
  });

  it('frees the rate of a lease that ended a second later, and keeps its amount charged', () => {
    const book = new Book(freeTier);
    const lease = book.take(5_000);
    const wanted = { demands: writes(5_000) };
    assert.equal(book.ask({ holder: 'b', nowMs: lease.endMs + 999, wanted }).lease, undefined);
    const before = book.charged.writes;
    const next = book.take(5_000, { holder: 'b', nowMs: lease.endMs + 1_000 });
    assert.equal(book.charged.writes, before + next.amounts.writes + 1);
    const late = book.ask({ nowMs: lease.endMs + 3_600_000, returns: [{ id: lease.id, spent: writes(3) }] });
    assert.deepEqual(late.returned, ['credited']);
    assert.equal(book.charged.writes, before + next.amounts.writes + 2 - (lease.amounts.writes - 3));
  });

  it('grants a thousandth of the day at first, twice as much each time that was spent early, at most a hundredth', () => {
    const book = new Book(freeTier);
    let lease = book.take(500);
    const amounts = [lease.amounts.writes];
    for (let round = 1; round <= 6; round += 1) {
      const returns = [{ id: lease.id, spent: writes(lease.amounts.writes) }];
      lease = book.take(500, { nowMs: noonMs + round * 100, returns, wanted: { spentEarly: ['writes'] } });
      amounts.push(lease.amounts.writes);
    }
    assert.deepEqual(amounts, [20, 40, 80, 160, 200, 200, 200]);
    const returns = [{ id: lease.id, spent: writes(10) }];
    lease = book.take(500, { nowMs: noonMs + 5_000, returns });
    assert.equal(lease.amounts.writes, 20, 'little was spent: it begins anew');
    const tiny = new Book({ ...plenty, daily: { ...plenty.daily, writes: 50 } });
    assert.equal(tiny.take(500).amounts.writes, 1, 'at least one');
  });

  it('keeps charged what a renewal may still spend, also of a kind that it is denied', () => {
    const book = new Book({ ...freeTier, daily: { ...freeTier.daily, writes: 100 } });
    const lease = book.take(1, { wanted: { needs: writes(20) } });
    const before = book.charged.writes;
    const answer = book.ask({
      nowMs: noonMs + 1_000,
      returns: [{ id: lease.id, spent: writes(10), retained: writes(5) }],
      wanted: { demands: { ...reads(1), writes: 1 }, needs: writes(200), takeoverMs: noonMs + 4_000 },
    });
    assert.equal(answer.denials.writes?.reason, 'daily_budget');
    assert.ok((answer.lease?.amounts.reads ?? 0) > 0);
    assert.equal(book.charged.writes, before - 5 + 1, 'five come back, five stay, and the ledger writes');
  });

  it('warns once a day at 80 % and once at 90 %, also where returns take the charge back below', () => {
    const book = new Book({ ...plenty, daily: { ...plenty.daily, writes: 1_000 } });
    const shares: number[] = [];
    for (let nowMs = noonMs; nowMs < noonMs + 5_000 * 300; nowMs += 5_000) {
      const holder = `h${nowMs}`;
      const { lease, warnings } = book.ask({
        holder,
        nowMs,
        wanted: { demands: writes(1), needs: writes(10) },
      });
      shares.push(...warnings.map(({ current, limit }) => Math.floor((current / limit) * 10) / 10));
      if (lease === undefined) break;
      // Most of it comes back every time: the charge goes up and down.
      book.ask({ holder, nowMs: nowMs + 1_000, returns: [{ id: lease.id, spent: writes(1) }] });
    }
    assert.deepEqual(shares, [0.8, 0.9]);
    assert.equal(book.state?.warnings.length, 2);
  });

  it('grants a proxy no more than its rate can spend in its time', () => {
    const book = new Book();
    const fixed = { amounts: writes(1_000_000), termMs: 10_000 };
    const { amounts, rates } = book.take(100_000, { kind: 'proxy', wanted: { fixed } });
    assert.ok(amounts.writes <= rates.writes * 10 + 2, `${amounts.writes} at ${rates.writes} a second`);
    const little = { amounts: writes(10), termMs: 10_000 };
    assert.equal(
      book.take(1, { holder: 'b', kind: 'proxy', nowMs: noonMs + 20_000, wanted: { fixed: little } }).amounts
        .writes,
      10,
    );
  });

  it('holds little of the rate for small leases of proxies that last long', () => {
    const book = new Book();
    for (let index = 0; index < maxProxyLeases; index += 1) {
      const fixed = { amounts: writes(10), termMs: 3_600_000 };
      book.take(10 / 3_600, { holder: `key:${index}`, kind: 'proxy', wanted: { fixed } });
    }
    assert.ok(book.take(5_000, { holder: 'w' }).rates.writes > 700, 'a minute suffices for each');
  });

  it('keeps a tenth of the reads for the API, and a tenth for the flush, whoever takes all that it gets', () => {
    const book = new Book(freeTier);
    const take = (kind: HolderKind): number => {
      const before = book.charged.reads;
      let returns: LeaseReturn[] = [];
      for (let nowMs = noonMs; ; nowMs += 12_000) {
        const wanted = { demands: reads(400), spentEarly: ['reads'] as const };
        const { lease } = book.ask({ kind, holder: kind, nowMs, returns, wanted });
        if (lease === undefined) break;
        returns = [{ id: lease.id, spent: lease.amounts }];
      }
      return book.charged.reads - before;
    };
    for (const [kind, ...late] of [
      ['worker', 'api', 'flush'],
      ['proxy', 'flush', 'api'],
    ] as const) {
      book.state = undefined;
      const first = take(kind);
      assert.ok(first > 38_000 && first <= 40_000, `${first} by ${kind}`);
      for (const each of late) {
        const rest = take(each);
        assert.ok(rest > 4_400 && rest <= 5_100, `${rest} by ${each}`);
      }
    }
    for (const [kind, late] of [
      ['api', 'flush'],
      ['flush', 'api'],
    ] as const) {
      book.state = undefined;
      const [first, rest] = [take(kind), take(late)];
      assert.ok(first > 43_000 && first <= 45_000, `${first} by ${kind}`);
      assert.ok(rest > 4_400 && rest <= 5_100, `${rest} by ${late}`);
    }
  });

  it('gives miners’ keys no more than six tenths of the reads, and none of what is kept for others', () => {
    const book = new Book(freeTier);
    const take = (kind: HolderKind): number => {
      const before = book.charged.reads;
      let returns: LeaseReturn[] = [];
      for (let nowMs = noonMs; ; nowMs += 12_000) {
        const wanted = { demands: reads(400), spentEarly: ['reads'] as const };
        const { lease } = book.ask({ kind, holder: kind, nowMs, returns, wanted });
        if (lease === undefined) return book.charged.reads - before;
        returns = [{ id: lease.id, spent: lease.amounts }];
      }
    };
    const miners = take('miner');
    assert.ok(miners > 29_000 && miners <= 30_100, String(miners));
    const workers = take('worker');
    assert.ok(workers > 8_900 && workers <= 10_000, String(workers));
    for (const kind of ['api', 'flush'] as const) {
      const rest = take(kind);
      assert.ok(rest > 4_400 && rest <= 5_100, `${rest} by ${kind}`);
    }
    book.state = undefined;
    take('worker');
    assert.equal(take('miner') <= 100, true, 'what is kept is not for them');
  });

  it('writes no more of its own than the day allows: then nothing is granted that would need it', () => {
    const book = new Book({ ...freeTier, daily: { ...freeTier.daily, writes: 200 } });
    let nowMs = noonMs;
    for (; book.ask({ holder: `w${nowMs}`, nowMs, wanted: { demands: writes(1) } }).lease; nowMs += 1_000);
    const kept = book.state?.leases.at(-1);
    let last = book.ask({ holder: 'api', kind: 'api', nowMs, wanted: { demands: reads(1) } });
    assert.ok(last.lease !== undefined, 'a part of the day is kept for that');
    for (let index = 0; index < 20; index += 1) {
      nowMs += 1_000;
      last = book.ask({
        holder: `api${index}`,
        kind: 'api',
        nowMs,
        wanted: { demands: reads(1) },
        use: [{ ...nothingDone(), id: `report-${index}` }],
      });
    }
    assert.equal(book.charged.writes, 200);
    const retryAtMs = nowMs + 15 * 60_000;
    assert.deepEqual(last.denials, { reads: { reason: 'daily_budget', retryAtMs } });
    assert.deepEqual(last.recorded, []);
    const back = book.ask({
      holder: kept?.holder ?? '',
      nowMs,
      returns: [{ id: kept?.id ?? '', spent: writes(0) }],
    });
    assert.deepEqual(back.returned, ['credited'], 'what brings back as much as it costs is recorded');
    assert.ok(book.charged.writes <= 200);
  });

  it('counts the reads as spent, and says since when, where only those kept for the API are left', () => {
    const book = new Book(freeTier);
    const shown = () => spentBudget(book.state, days.dayOf(noonMs), freeTier);
    let nowMs = noonMs;
    for (let returns: LeaseReturn[] = []; ; nowMs += 12_000) {
      const wanted = { demands: reads(400), spentEarly: ['reads'] as const };
      const { lease, warnings } = book.ask({ kind: 'flush', nowMs, returns, wanted });
      if (lease === undefined) break;
      returns = [{ id: lease.id, spent: lease.amounts }];
      const isLast = shown() !== undefined;
      assert.equal(
        isLast,
        warnings.some(({ current }) => current > 43_900 && current < 44_100),
        'and warns',
      );
    }
    assert.deepEqual(shown(), { type: 'reads', sinceMs: nowMs - 12_000, untilMs: resetMs });
    assert.equal(spentBudget(book.state, days.dayOf(resetMs), freeTier), undefined, 'the next day is free');
  });

  it('grants nothing that crosses the reset: leases end 1 s before, or start 1 s after', () => {
    const book = new Book(freeTier);
    const last = book.take(1, { nowMs: resetMs - 5_000 });
    assert.equal(last.endMs, resetMs - 1_000);
    for (const nowMs of [resetMs - 1_000, resetMs - 1, resetMs, resetMs + 999]) {
      const { lease, denials } = book.ask({ holder: 'b', nowMs, wanted: { demands: writes(1) } });
      assert.equal(lease, undefined);
      assert.deepEqual(denials.writes, { reason: 'reset', retryAtMs: resetMs + 1_000 });
    }
    const first = book.take(1, { holder: 'b', nowMs: resetMs + 1_000 });
    assert.equal(first.day, '2026-01-02');
    assert.equal(book.charged.writes, first.amounts.writes + 1, 'nothing of the day before');
    // Somebody's clock still shows the day before.
    const slow = book.ask({ holder: 'c', nowMs: resetMs - 2_000, wanted: { demands: writes(1) } });
    assert.equal(slow.lease, undefined);
    assert.equal(book.state?.day, '2026-01-02');
  });

  it('credits a return once, to its holder, for no more than was granted, and only on its day', () => {
    const outcome = (kind: 'worker' | 'proxy', call: Call): { returned: string[]; isChanged: boolean } => {
      const book = new Book(freeTier);
      const { id } = book.take(100, { kind, holder: 'a' });
      book.ask({ kind, holder: 'a', returns: [{ id: book.take(1, { kind }).id, spent: writes(0) }] });
      const before = JSON.stringify(book.state);
      const returns = (call.returns ?? []).map((each) => ({ ...each, id: each.id.replace('THIS', id) }));
      const { returned } = book.ask({ kind, ...call, returns });
      return { returned, isChanged: JSON.stringify(book.state) !== before };
    };
    const spent = writes(1);
    const bad: [Call, string][] = [
      [{ returns: [{ id: 'never', spent }] }, 'unknown'],
      [{ returns: [{ id: 'lease-2', spent }] }, 'unknown'],
      [{ holder: 'b', returns: [{ id: 'THIS', spent }] }, 'unknown'],
      [{ returns: [{ id: 'THIS', spent: writes(21) }] }, 'too_much'],
      [{ returns: [{ id: 'THIS', spent: reads(1) }] }, 'too_much'],
      [{ returns: [{ id: 'THIS', spent: writes(15), retained: writes(6) }] }, 'too_much'],
    ];
    for (const [call, expected] of bad) {
      assert.deepEqual(outcome('proxy', call), { returned: [expected], isChanged: false });
      const wanted = { demands: writes(1) };
      assert.deepEqual(outcome('proxy', { ...call, wanted }), { returned: [expected], isChanged: false });
      assert.deepEqual(outcome('worker', call).returned, [expected]);
    }
    const twice = {
      returns: [
        { id: 'THIS', spent },
        { id: 'THIS', spent },
      ],
    };
    assert.deepEqual(outcome('worker', twice).returned, ['credited', 'unknown']);
  });

  it('knows that a lease is of the day before, and credits nothing', () => {
    const book = new Book(freeTier);
    const { id } = book.take(1, { kind: 'proxy', nowMs: resetMs - 2_500 });
    book.take(1, { holder: 'b', nowMs: resetMs + 1_000 });
    const before = JSON.stringify(book.state);
    const { returned } = book.ask({
      kind: 'proxy',
      nowMs: resetMs + 1_000,
      returns: [{ id, spent: writes(0) }],
    });
    assert.equal(returned[0], 'unknown', 'its rate is free by now, so nothing of it is kept');
    assert.equal(JSON.stringify(book.state), before);
  });
});
