import assert from 'node:assert/strict';
import { applyToLedger } from '../../functions/src/quota/ledger.ts';
import {
  emptyLedger,
  isReserved,
  type LedgerState,
  reservedRates,
} from '../../functions/src/quota/ledgerState.ts';
import { leasableRates, maxLeasesOfKey, maxProxyLeases } from '../../functions/src/quota/limits.ts';
import { billedTypes, noOperations, type Operations, perType } from '../../functions/src/quota/operations.ts';
import { Book, days, noonMs, writes } from './book.ts';
import { plenty } from './scene.ts';

const hourMs = 3_600_000;
const maxBytes = 512 * 1024;
const leasable = leasableRates(plenty);

/** An hour's lease of one write. */
const little = { fixed: { amounts: writes(1), termMs: hourMs } };
/** All that one lease can have, for an hour. */
const much = { fixed: { amounts: perType(() => 1_000_000), termMs: hourMs } };
const muchDemanded = perType(() => 1_000_000 / 3_600);

/** Operations a second that live leases and those given up allow together. */
function takenRates({ leases, releasing }: LedgerState, nowMs: number): Operations {
  const all = [
    ...leases.filter((lease) => isReserved(lease, nowMs)).map((lease) => reservedRates(lease, nowMs)),
    ...releasing.filter(({ untilMs }) => untilMs > nowMs).map(({ rates }) => rates),
  ];
  return perType((type) => all.reduce((sum, rates) => sum + rates[type], 0));
}

describe('The ledger’s document', () => {
  const check = (book: Book, nowMs: number): void => {
    assert.ok(book.state);
    const bytes = Buffer.byteLength(JSON.stringify(book.state));
    assert.ok(bytes < maxBytes, `${bytes} bytes`);
    const taken = takenRates(book.state, nowMs);
    for (const type of billedTypes) assert.ok(taken[type] <= leasable[type] + 1e-6, `${taken[type]} ${type}`);
  };

  it('stays small where proxies never return a lease and instances die with theirs, and grants to instances @slow', () => {
    const book = new Book();
    let refused = 0;
    for (let second = 0; second < 3_600; second += 1) {
      const nowMs = noonMs + second * 1_000;
      const holder = `key:${second % 9}`;
      const { lease, denials } = book.ask({
        holder,
        kind: 'proxy',
        nowMs,
        wanted: { demands: writes(1), ...little },
      });
      if (lease === undefined) {
        refused += 1;
        assert.equal(denials.writes?.reason, 'too_many_leases');
        assert.ok((denials.writes?.retryAtMs ?? 0) > nowMs);
      }
      if (second % 20 === 0) {
        const demands = perType(() => Math.PI);
        const own = book.ask({ holder: `0f8fad5b-d9cb-469f-a165-${second}`, nowMs, wanted: { demands } });
        assert.ok(own.lease !== undefined, `at ${second} s: ${JSON.stringify(own.denials)}`);
      }
      if (second % 60 === 59) check(book, nowMs);
    }
    assert.equal(refused, 3_600 - maxProxyLeases);
  });

  it('has so many places for the leases of one key, which says when there is one again', () => {
    const book = new Book();
    const call = { holder: 'key:a', kind: 'proxy' } as const;
    const wanted = { demands: writes(1), ...little };
    const leases = Array.from({ length: maxLeasesOfKey }, (_, index) =>
      book.take(1, { ...call, nowMs: noonMs + index, wanted }),
    );
    const { denials } = book.ask({ ...call, nowMs: noonMs + 1_000, wanted });
    const retryAtMs = noonMs + hourMs + 1_000;
    assert.deepEqual(denials, { writes: { reason: 'too_many_leases', retryAtMs } });
    assert.equal(book.state?.waiting.length, 0, 'it waits for no rate');
    assert.ok(
      book.ask({ holder: 'key:b', kind: 'proxy', nowMs: noonMs + 1_000, wanted }).lease,
      'others have theirs',
    );
    const returns = [{ id: leases[0]?.id ?? '', spent: writes(1) }];
    assert.ok(
      book.ask({ ...call, nowMs: noonMs + 2_000, returns, wanted }).lease,
      'a renewal takes the place',
    );
    assert.ok(book.ask({ ...call, nowMs: retryAtMs + 1, wanted }).lease);
  });

  it('leaves a fifth of each rate to instances, however much proxies take, for as long as they like', () => {
    const book = new Book();
    for (let index = 0; index < 40; index += 1) {
      const wanted = { demands: muchDemanded, ...much };
      book.ask({ holder: `key:${index % 5}`, kind: 'proxy', nowMs: noonMs, wanted });
    }
    const { lease } = book.ask({ holder: 'flush', kind: 'flush', wanted: { demands: leasable } });
    for (const type of billedTypes) {
      assert.ok((lease?.rates[type] ?? 0) > leasable[type] * 0.19, `${lease?.rates[type]} ${type}`);
    }
    check(book, noonMs);
  });

  it('shrinks where an earlier version let it grow, and what it forgot counts until its end', () => {
    const book = new Book();
    const day = days.dayOf(noonMs).id;
    const rates = { writes: 0.1, reads: 0, deletes: 0 };
    const leases = Array.from({ length: 2_900 }, (_, index) => ({
      ...{
        id: `${day}.${index}`,
        holder: 'key:old',
        kind: index % 2 ? ('proxy' as const) : ('api' as const),
      },
      ...{ day, rates, amounts: writes(1), demands: rates, multiplier: 1 },
      ...{ startMs: noonMs, endMs: noonMs + hourMs + index },
    }));
    book.state = { ...emptyLedger(day), leases };
    for (let index = 0; index < 3; index += 1) {
      const own = book.ask({
        holder: `own-${index}`,
        nowMs: noonMs + 1_000,
        wanted: { demands: writes(1_000) },
      });
      assert.ok((own.lease?.rates.writes ?? 0) < leasable.writes - 290 + 1e-6);
      check(book, noonMs + 1_000);
    }
    const later = book.ask({
      holder: 'other',
      nowMs: noonMs + hourMs + 5_000,
      wanted: { demands: writes(1_000) },
    });
    assert.ok((later.lease?.rates.writes ?? 0) > 700, 'the rates are free once they ended');
  });

  it('stays small whatever is reported', () => {
    const names = [
      '__proto__',
      'constructor',
      'toString',
      'other',
      ...Array.from({ length: 200 }, (_, i) => `cause ${i}`),
    ];
    const byPurpose = JSON.parse(
      `{${names.map((name) => `"${name}":{"writes":1,"reads":1,"deletes":1}`).join(',')}}`,
    );
    const warning = {
      operationType: 'writes',
      limitType: 'per_day',
      current: 1,
      limit: 1,
      atMs: noonMs,
    } as const;
    const warnings = Array.from({ length: 500 }, () => warning);
    let state: LedgerState | undefined;
    for (let index = 0; index < 50; index += 1) {
      const nowMs = noonMs + index * 60_000;
      const request = {
        holder: `h${index}`,
        kind: 'api',
        nowMs,
        day: days.dayOf(nowMs),
        attempts: 1,
        returns: [],
      } as const;
      const use = [{ id: `report-${index}`, byPurpose, unleased: noOperations, work: {}, warnings }];
      state = applyToLedger(state, { ...request, use, multiplier: 1 }, plenty).state ?? state;
      state = JSON.parse(JSON.stringify(state)) as LedgerState;
    }
    assert.ok(Buffer.byteLength(JSON.stringify(state)) < 32 * 1024);
    assert.ok((state?.used.total.writes ?? 0) >= 50 * 200);
  });
});
