import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isLive, type Lease } from '../../functions/src/quota/ledgerState.ts';
import { leasablePerDay, leasableRates, type QuotaLimits } from '../../functions/src/quota/limits.ts';
import {
  billedTypes,
  noOperations,
  type Operations,
  perType,
  plus,
} from '../../functions/src/quota/operations.ts';
import { runs } from '../support/runs.ts';
import { Book, days, noonMs, reads, resetMs, writes } from './book.ts';
import { freeTier, plenty } from './scene.ts';

/** Clocks are so far ahead or behind. */
const maxSkewMs = 500;

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

/** The part of the day that is surely spent or may yet be, by what holders were told; compared with what is charged. */
class Model {
  readonly #book: Book;
  readonly #holders: Held[];
  readonly #kinds = ['worker', 'worker', 'worker', 'api', 'api', 'proxy'] as const;
  /** Operations by day: spent for certain, and amounts of holders that died. */
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
    for (const type of billedTypes) {
      const rate = live.reduce((sum, { rates }) => sum + rates[type], 0);
      assert.ok(rate <= leasable[type] + 1e-6, `${type}: ${rate} a second`);
    }
    const held = this.#holders.flatMap(({ lease }) => (lease?.day === state.day ? [lease.amounts] : []));
    const owed = [...held, this.#gone.get(state.day) ?? noOperations].reduce(plus, noOperations);
    const own = this.#ledgerWrites.get(state.day) ?? 0;
    assert.deepEqual(state.charged, plus(owed, { writes: own, reads: own, deletes: 0 }));
    for (const type of billedTypes.filter((each) => limits.daily[each] > 0)) {
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
    const spent = perType((type) => Math.floor((lease?.amounts[type] ?? 0) * spentPart));
    const rest = perType((type) => (lease?.amounts[type] ?? 0) - spent[type]);
    const kept = perType((type) => (kind === 'renew' ? Math.floor(rest[type] * keptPart) : 0));
    const wanted = {
      demands: demand,
      needs: writes(need),
      spentEarly: isEarly ? billedTypes : [],
      takeoverMs: lease === undefined ? nowMs : Math.max(nowMs, Math.min(lease.endMs, nowMs + 3_000)),
    };
    const answer = this.#book.ask({
      ...{ holder: held.name, kind: this.#kinds[holder] ?? 'worker', nowMs },
      returns: lease === undefined ? [] : [{ id: lease.id, spent, retained: kept }],
      ...(kind === 'renew' && { wanted }),
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
    const spent = perType((type) => (lease?.amounts[type] ?? 0) + 1);
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

  it('stays small: leases that are never returned go, the longest ended first @slow', () => {
    const book = new Book(freeTier);
    for (let index = 0; index < 600; index += 1) {
      const nowMs = noonMs + index * 5_000;
      const { lease } = book.ask({ holder: `h${index}`, nowMs, wanted: { demands: writes(1) } });
      if (lease === undefined) book.ask({ holder: `h${index}`, nowMs, wanted: { demands: reads(1) } });
    }
    assert.ok((book.state?.leases.length ?? 0) <= 256);
    assert.ok(JSON.stringify(book.state).length < 150_000, `${JSON.stringify(book.state).length} bytes`);
  });
});
