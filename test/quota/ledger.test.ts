import assert from 'node:assert/strict';
import fc from 'fast-check';
import { QuotaDays } from '../../functions/src/quota/day.ts';
import type { LeaseWish } from '../../functions/src/quota/grant.ts';
import { applyToLedger, type LeaseReturn, type LedgerAnswer } from '../../functions/src/quota/ledger.ts';
import { isLive, type Lease, type LedgerState } from '../../functions/src/quota/ledgerState.ts';
import { leasablePerDay, leasableRates, type QuotaLimits } from '../../functions/src/quota/limits.ts';
import {
  each,
  noOperations,
  type Operations,
  operationTypes,
  plus,
} from '../../functions/src/quota/operations.ts';
import { runs } from '../support/runs.ts';
import { freeTier, plenty } from './scene.ts';

const days = new QuotaDays('America/Los_Angeles');
/** Noon in Los Angeles, 12 hours before the reset. */
const noonMs = Date.UTC(2026, 0, 1, 20);
const resetMs = noonMs + 12 * 3_600_000;
/** Clocks are so far ahead or behind. */
const maxSkewMs = 500;
const noUse = { byCause: {}, unleased: noOperations, warnings: [] };

interface Call {
  holder?: string;
  kind?: 'worker' | 'api' | 'proxy';
  nowMs?: number;
  returns?: LeaseReturn[];
  wish?: Partial<LeaseWish>;
}

/** A ledger, and those that ask it. */
class Book {
  state: LedgerState | undefined;
  readonly limits: QuotaLimits;
  #ids = 0;

  constructor(limits: QuotaLimits = plenty) {
    this.limits = limits;
  }

  ask({ holder = 'a', kind = 'worker', nowMs = noonMs, returns = [], wish }: Call): LedgerAnswer {
    this.#ids += 1;
    const full = wish && {
      id: `lease-${this.#ids}`,
      switchMs: nowMs,
      demands: { ...noOperations },
      needs: { ...noOperations },
      spentEarly: [],
      ...wish,
    };
    const request = {
      ...{ holder, kind, nowMs, returns, wish: full, use: noUse, multiplier: 1, attempts: 1 },
      day: days.dayOf(nowMs),
    };
    const before = JSON.stringify(this.state);
    const { state, answer } = applyToLedger(this.state, request, this.limits);
    assert.equal(JSON.stringify(this.state), before, 'what was stored is not changed in place');
    // As it is stored and read again.
    if (state !== undefined) this.state = JSON.parse(JSON.stringify(state)) as LedgerState;
    return answer;
  }

  /** A lease for writes. */
  take(demand: number, call: Call = {}): Lease {
    const wish = { demands: writes(demand), ...call.wish };
    const { lease } = this.ask({ ...call, wish });
    assert.ok(lease !== undefined, 'a lease is granted');
    return lease;
  }

  get charged(): Operations {
    return this.state?.charged ?? noOperations;
  }
}

function writes(count: number): Operations {
  return { ...noOperations, writes: count };
}

function reads(count: number): Operations {
  return { ...noOperations, reads: count };
}

describe('The ledger', () => {
  it('grants what is wanted where there is plenty, and no more than there is in all', () => {
    const book = new Book();
    assert.equal(book.take(100, { holder: 'a' }).rates.writes, 100);
    assert.equal(book.take(200, { holder: 'b' }).rates.writes, 200);
    const last = book.take(5_000, { holder: 'c' });
    assert.ok(Math.abs(last.rates.writes - (leasableRates(plenty).writes - 300)) < 1e-9);
    const { lease, denials } = book.ask({ holder: 'd', wish: { demands: writes(10) } });
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
        wish: { demands: writes(5_000) },
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
    const first = book.take(500, { holder: 'key:k', kind: 'proxy', wish: { fixed } });
    const second = book.take(500, { holder: 'key:k', kind: 'proxy', wish: { fixed } });
    assert.equal(first.rates.writes, 500);
    assert.ok(second.rates.writes < 500 && second.rates.writes > 200);
    const again = book.take(500, {
      ...{ holder: 'key:k', kind: 'proxy' as const, nowMs: noonMs + 50_000 },
      returns: [{ id: first.id, spent: writes(10) }],
      wish: { fixed, switchMs: noonMs + 50_000 },
    });
    assert.ok(again.rates.writes < 500, 'the first gives up what the second has a right to');
  });

  it('frees a rate that was given up a second later, and not before', () => {
    const book = new Book();
    const lease = book.take(5_000);
    book.ask({ nowMs: noonMs + 2_000, returns: [{ id: lease.id, spent: writes(1) }] });
    const wish = { demands: writes(5_000) };
    assert.equal(book.ask({ holder: 'b', nowMs: noonMs + 2_999, wish }).lease, undefined);
    assert.ok(book.take(5_000, { holder: 'c', nowMs: noonMs + 3_000 }).rates.writes > 300);
  });

  it('frees what a renewal gives up a second after its holder goes over to it', () => {
    const book = new Book();
    const lease = book.take(5_000);
    book.take(0.01, { holder: 'other', nowMs: lease.startMs, wish: { demands: reads(1) } });
    book.ask({ holder: 'b', nowMs: noonMs + 4_000, wish: { demands: writes(5_000) } });
    const switchMs = noonMs + 8_000;
    const returns = [{ id: lease.id, spent: writes(1) }];
    const next = book.take(5_000, { nowMs: noonMs + 5_000, returns, wish: { switchMs } });
    assert.ok(next.rates.writes < 400, 'its half');
    const wish = { demands: writes(5_000) };
    assert.equal(book.ask({ holder: 'b', nowMs: switchMs + 999, wish }).lease, undefined);
    assert.ok(book.take(5_000, { holder: 'b', nowMs: switchMs + 1_000 }).rates.writes > 380);
  });

  it('frees the rate of a lease that ended a second later, and keeps its amount charged', () => {
    const book = new Book(freeTier);
    const lease = book.take(5_000);
    const wish = { demands: writes(5_000) };
    assert.equal(book.ask({ holder: 'b', nowMs: lease.endMs + 999, wish }).lease, undefined);
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
      lease = book.take(500, { nowMs: noonMs + round * 100, returns, wish: { spentEarly: ['writes'] } });
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
    const lease = book.take(1, { wish: { needs: writes(20) } });
    const before = book.charged.writes;
    const answer = book.ask({
      nowMs: noonMs + 1_000,
      returns: [{ id: lease.id, spent: writes(10), kept: writes(5) }],
      wish: { demands: { ...reads(1), writes: 1 }, needs: writes(200), switchMs: noonMs + 4_000 },
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
        wish: { demands: writes(1), needs: writes(10) },
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
    const { amounts, rates } = book.take(100_000, { kind: 'proxy', wish: { fixed } });
    assert.ok(amounts.writes <= rates.writes * 10 + 2, `${amounts.writes} at ${rates.writes} a second`);
    const little = { amounts: writes(10), termMs: 10_000 };
    assert.equal(
      book.take(1, { holder: 'b', kind: 'proxy', nowMs: noonMs + 20_000, wish: { fixed: little } }).amounts
        .writes,
      10,
    );
  });

  it('keeps a tenth of the reads for the API', () => {
    const take = (kind: 'worker' | 'api'): number => {
      const book = new Book(freeTier);
      let returns: LeaseReturn[] = [];
      for (let nowMs = noonMs; ; nowMs += 12_000) {
        const wish = { demands: reads(400), spentEarly: ['reads'] as const };
        const { lease } = book.ask({ kind, nowMs, returns, wish });
        if (lease === undefined) break;
        returns = [{ id: lease.id, spent: lease.amounts }];
      }
      return book.charged.reads;
    };
    const [byWorkers, byApi] = [take('worker'), take('api')];
    assert.ok(byWorkers > 43_000 && byWorkers <= 45_000, `${byWorkers} by workers`);
    assert.ok(byApi > 48_000 && byApi <= 50_000, `${byApi} by the API`);
  });

  it('grants nothing that crosses the reset: leases end 1 s before, or start 1 s after', () => {
    const book = new Book(freeTier);
    const last = book.take(1, { nowMs: resetMs - 5_000 });
    assert.equal(last.endMs, resetMs - 1_000);
    for (const nowMs of [resetMs - 1_000, resetMs - 1, resetMs, resetMs + 999]) {
      const { lease, denials } = book.ask({ holder: 'b', nowMs, wish: { demands: writes(1) } });
      assert.equal(lease, undefined);
      assert.deepEqual(denials.writes, { reason: 'reset', retryAtMs: resetMs + 1_000 });
    }
    const first = book.take(1, { holder: 'b', nowMs: resetMs + 1_000 });
    assert.equal(first.day, '2026-01-02');
    assert.equal(book.charged.writes, first.amounts.writes + 1, 'nothing of the day before');
    // Somebody's clock still shows the day before.
    const slow = book.ask({ holder: 'c', nowMs: resetMs - 2_000, wish: { demands: writes(1) } });
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
      [{ returns: [{ id: 'THIS', spent: writes(15), kept: writes(6) }] }, 'too_much'],
    ];
    for (const [call, expected] of bad) {
      assert.deepEqual(outcome('proxy', call), { returned: [expected], isChanged: false });
      const wish = { demands: writes(1) };
      assert.deepEqual(outcome('proxy', { ...call, wish }), { returned: [expected], isChanged: false });
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

/** A random request; which holder and lease it is about is chosen by `pick`. */
const action = fc.record({
  kind: fc.constantFrom('renew', 'renew', 'renew', 'return', 'crash', 'bad return', 'pause'),
  holder: fc.nat(5),
  skewMs: fc.integer({ min: -maxSkewMs, max: maxSkewMs }),
  passMs: fc.oneof(fc.nat(300), fc.nat(5_000), fc.nat(60_000)),
  demand: fc.record({ writes: demandOf(), reads: demandOf(), deletes: demandOf() }),
  spentPart: fc.double({ min: 0, max: 1, noNaN: true }),
  need: fc.oneof(fc.constant(0), fc.nat(40)),
  keptPart: fc.double({ min: 0, max: 1, noNaN: true }),
  isEarly: fc.boolean(),
});

function demandOf() {
  return fc.oneof(fc.constant(0), fc.constant(0.01), fc.nat(100), fc.nat(20_000));
}

type Action = typeof action extends fc.Arbitrary<infer A> ? A : never;

interface Held {
  name: string;
  lease: Lease | undefined;
  spent: Operations;
}

/** What is surely spent or may yet be spent of the day, by what holders were told; compared with what is charged. */
class Model {
  readonly #book: Book;
  readonly #holders: Held[];
  readonly #kinds = ['worker', 'worker', 'worker', 'api', 'api', 'proxy'] as const;
  /** By day: spent for certain, and amounts of holders that died. */
  readonly #gone = new Map<string, Operations>();
  readonly #ledgerWrites = new Map<string, number>();
  #names = 0;

  constructor(limits: QuotaLimits) {
    this.#book = new Book(limits);
    this.#holders = Array.from({ length: 6 }, () => this.#newcomer());
  }

  act(todo: Action, nowMs: number): void {
    const held = this.#holders[todo.holder];
    if (held === undefined) return;
    if (todo.kind === 'pause') return;
    if (todo.kind === 'crash') {
      if (held.lease !== undefined) this.#lose(held.lease.day, held.lease.amounts);
      this.#holders[todo.holder] = this.#newcomer();
      return;
    }
    const before = this.#book.state;
    if (todo.kind === 'bad return') this.#returnBadly(held, todo, nowMs);
    else this.#renewOrReturn(held, todo, nowMs);
    if (this.#book.state !== before) {
      const { day = '' } = this.#book.state ?? {};
      this.#ledgerWrites.set(day, (this.#ledgerWrites.get(day) ?? 0) + 1);
    }
  }

  check(nowMs: number): void {
    const { state, limits } = this.#book;
    if (state === undefined) return;
    const leasable = leasableRates(limits);
    const daily = leasablePerDay(limits);
    const live = this.#holders.flatMap(({ lease }) =>
      lease !== undefined && isLive(lease, nowMs - maxSkewMs) ? [lease] : [],
    );
    for (const type of operationTypes) {
      const rate = live.reduce((sum, { rates }) => sum + rates[type], 0);
      assert.ok(rate <= leasable[type] + 1e-6, `${type}: ${rate} a second`);
    }
    const held = this.#holders.flatMap(({ lease }) => (lease?.day === state.day ? [lease.amounts] : []));
    const owed = [...held, this.#gone.get(state.day) ?? noOperations].reduce(plus, noOperations);
    const own = this.#ledgerWrites.get(state.day) ?? 0;
    assert.deepEqual(state.charged, plus(owed, { writes: own, reads: own, deletes: 0 }));
    for (const type of operationTypes.filter((each) => limits.daily[each] > 0)) {
      assert.ok(owed[type] <= daily[type], `${type}: ${owed[type]} of ${daily[type]}`);
    }
    for (const { day, startMs, endMs } of live) {
      assert.equal(days.dayOf(startMs - 1_000).id, day);
      assert.equal(days.dayOf(endMs + 999).id, day);
    }
    assert.ok(JSON.stringify(state).length < 100_000);
  }

  #renewOrReturn(
    held: Held,
    { kind, holder, skewMs, demand, need, spentPart, keptPart, isEarly }: Action,
    trueMs: number,
  ): void {
    const nowMs = trueMs + skewMs;
    const { lease } = held;
    const spent = each((type) => Math.floor((lease?.amounts[type] ?? 0) * spentPart));
    const rest = each((type) => (lease?.amounts[type] ?? 0) - spent[type]);
    const kept = each((type) => (kind === 'renew' ? Math.floor(rest[type] * keptPart) : 0));
    const wish = {
      demands: demand,
      needs: writes(need),
      spentEarly: isEarly ? operationTypes : [],
      switchMs: lease === undefined ? nowMs : Math.max(nowMs, Math.min(lease.endMs, nowMs + 3_000)),
    };
    const answer = this.#book.ask({
      ...{ holder: held.name, kind: this.#kinds[holder] ?? 'worker', nowMs },
      returns: lease === undefined ? [] : [{ id: lease.id, spent, kept }],
      ...(kind === 'renew' && { wish }),
    });
    const [outcome] = answer.returned;
    if (lease !== undefined && outcome === 'credited') {
      // What is kept goes over into the new lease.
      this.#lose(lease.day, spent);
      held.lease = undefined;
    } else if (lease !== undefined && outcome !== 'pending') {
      this.#lose(lease.day, lease.amounts);
      held.lease = undefined;
    }
    if (answer.lease !== undefined) {
      assert.ok(outcome === undefined || outcome !== 'pending');
      held.lease = answer.lease;
    }
  }

  #returnBadly(held: Held, { holder, skewMs }: Action, trueMs: number): void {
    const { lease } = held;
    const spent = each((type) => (lease?.amounts[type] ?? 0) + 1);
    const { returned } = this.#book.ask({
      ...{ holder: held.name, kind: this.#kinds[holder] ?? 'worker', nowMs: trueMs + skewMs },
      returns: [
        { id: 'never', spent: noOperations },
        ...(lease === undefined ? [] : [{ id: lease.id, spent }]),
      ],
    });
    assert.ok(!returned.includes('credited'));
  }

  #lose(day: string, amounts: Operations): void {
    this.#gone.set(day, plus(this.#gone.get(day) ?? noOperations, amounts));
  }

  #newcomer(): Held {
    this.#names += 1;
    return { name: `holder-${this.#names}`, lease: undefined, spent: noOperations };
  }
}

describe('The ledger, whatever happens', () => {
  const small: QuotaLimits = { ...plenty, daily: { writes: 2_000, reads: 5_000, deletes: 500 } };
  for (const [name, limits, startsMs] of [
    ['at noon', freeTier, noonMs],
    ['with little for a day', small, noonMs],
    ['without daily limits', plenty, noonMs],
    ['around the reset', small, resetMs - 120_000],
  ] as const) {
    it(`never lends more than there is, and charges exactly what holders may spend: ${name}`, () => {
      fc.assert(
        fc.property(fc.array(action, { minLength: 1, maxLength: 120 }), (actions) => {
          const model = new Model(limits);
          let nowMs: number = startsMs;
          for (const todo of actions) {
            nowMs += todo.passMs;
            model.act(todo, nowMs);
            model.check(nowMs);
          }
        }),
        runs(150),
      );
    });
  }

  it('stays small: leases that are never returned go, the longest ended first', () => {
    const book = new Book(freeTier);
    for (let index = 0; index < 600; index += 1) {
      const nowMs = noonMs + index * 5_000;
      const { lease } = book.ask({ holder: `h${index}`, nowMs, wish: { demands: writes(1) } });
      if (lease === undefined) book.ask({ holder: `h${index}`, nowMs, wish: { demands: reads(1) } });
    }
    assert.ok((book.state?.leases.length ?? 0) <= 256);
    assert.ok(JSON.stringify(book.state).length < 150_000, `${JSON.stringify(book.state).length} bytes`);
  });
});
