import assert from 'node:assert/strict';
import type { HolderKind, Lease } from '../../functions/src/quota/ledgerState.ts';
import { maxOwnLeases, maxProxyLeases, maxReleasing, releaseMs } from '../../functions/src/quota/limits.ts';
import { noOperations } from '../../functions/src/quota/operations.ts';
import { boundedLeases } from '../../functions/src/quota/pruning.ts';
import { noonMs, writes } from './book.ts';

/** Leases of one kind that end at these moments after noon, each of another rate. */
function leasesOf(kind: HolderKind, endsMs: readonly number[]): Lease[] {
  return endsMs.map((endMs, index) => ({
    ...{ id: `${kind}-${index}`, holder: `${kind}-${index}`, kind, day: '2026-01-01', amounts: writes(1) },
    ...{ rates: writes(index + 1), demands: { ...noOperations }, multiplier: 1 },
    ...{ startMs: noonMs - 60_000, endMs: noonMs + endMs },
  }));
}

/** Later and later ends, all to come. */
const live = (count: number): number[] => Array.from({ length: count }, (_, index) => 10_000 + index);
const longEndedMs = -10_000;
const idsOf = (leases: readonly Lease[]): string[] => leases.map(({ id }) => id);

describe('Leases in the ledger', () => {
  it('all stay where there are places, of proxies as many as there are, of instances one less', () => {
    const leases = [...leasesOf('proxy', live(maxProxyLeases)), ...leasesOf('api', live(maxOwnLeases - 1))];
    assert.deepEqual(boundedLeases(leases, [], noonMs), { leases, releasing: [] });
  });

  it('of proxies make room only by those that ended, the longest ended first', () => {
    const leases = leasesOf('proxy', [...live(maxProxyLeases - 2), longEndedMs + 1, longEndedMs]);
    const { leases: kept, releasing } = boundedLeases(leases, [], noonMs);
    assert.deepEqual(kept, leases.slice(0, -1));
    assert.deepEqual(releasing, []);
  });

  it('of proxies, where there are too many, become rates until they end', () => {
    const leases = leasesOf('proxy', live(maxProxyLeases + 2).toReversed());
    const { leases: kept, releasing } = boundedLeases(leases, [], noonMs);
    assert.deepEqual(kept, leases.slice(0, -2));
    const [next, first] = leases.slice(-2);
    assert.deepEqual(
      releasing,
      [first, next].map((lease) => ({ rates: lease?.rates, untilMs: (lease?.endMs ?? 0) + releaseMs })),
    );
  });

  it('of instances make room each time: by one that ended, else by the next to end', () => {
    const full = leasesOf('flush', live(maxOwnLeases));
    const { leases: kept, releasing } = boundedLeases(full, [], noonMs);
    assert.deepEqual(kept, full.slice(1));
    assert.deepEqual(releasing, [{ rates: writes(1), untilMs: noonMs + 10_000 + releaseMs }]);
    const oneEnded = leasesOf('flush', [...live(maxOwnLeases - 1), longEndedMs]);
    assert.deepEqual(boundedLeases(oneEnded, [], noonMs), { leases: oneEnded.slice(0, -1), releasing: [] });
  });

  it('of instances and of proxies take no places of each other', () => {
    const own = leasesOf('worker', live(maxOwnLeases + 50));
    const proxies = leasesOf('proxy', live(maxProxyLeases));
    const { leases: kept } = boundedLeases([...proxies, ...own], [], noonMs);
    assert.deepEqual(idsOf(kept), idsOf([...proxies, ...own.slice(51)]));
  });

  it('that were given up are joined in pairs where there are too many: both rates, until the later end', () => {
    const releasing = live(maxReleasing + 1).map((ms) => ({ rates: writes(1), untilMs: noonMs + ms }));
    assert.deepEqual(boundedLeases([], releasing.slice(1), noonMs).releasing, releasing.slice(1));
    const joined = boundedLeases([], releasing.toReversed(), noonMs).releasing;
    assert.equal(joined.length, maxReleasing / 2 + 1);
    assert.deepEqual(joined[0], { rates: writes(2), untilMs: releasing[1]?.untilMs });
    assert.deepEqual(joined.at(-1), releasing.at(-1));
  });
});
