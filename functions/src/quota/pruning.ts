import { isReserved, type Lease, type LedgerState, reservedRates } from './ledgerState.ts';
import { maxOwnLeases, maxProxyLeases, maxReleasing, releaseMs } from './limits.ts';
import { plus } from './operations.ts';

type Releasing = LedgerState['releasing'];

/**
 * Leaves a place for one more lease, of proxies only where some of theirs ended. What ended longest ago goes first:
 * what it had counts as spent. Then go those that end next, and their rates stay taken until then.
 */
export function boundedLeases(
  leases: readonly Lease[],
  releasing: Releasing,
  nowMs: number,
): Pick<LedgerState, 'leases' | 'releasing'> {
  const byEnd = leases.toSorted((a, b) => a.endMs - b.endMs);
  const proxies = byEnd.filter(({ kind }) => kind === 'proxy');
  const own = byEnd.filter(({ kind }) => kind !== 'proxy');
  const tooMany = proxies.length - maxProxyLeases;
  const gone = new Set([
    ...proxies.filter((lease, index) => index < tooMany || (index === tooMany && !isReserved(lease, nowMs))),
    ...own.slice(0, Math.max(0, own.length - maxOwnLeases + 1)),
  ]);
  const taken = [...gone]
    .filter((lease) => isReserved(lease, nowMs))
    .map((lease) => ({ rates: reservedRates(lease, nowMs), untilMs: lease.endMs + releaseMs }));
  return {
    leases: leases.filter((lease) => !gone.has(lease)),
    releasing: boundedReleasing([...releasing, ...taken]),
  };
}

/** Joins, where there are too many, two that end one after the other: both rates are taken until the later end. */
function boundedReleasing(releasing: Releasing): Releasing {
  if (releasing.length <= maxReleasing) return releasing;
  const byEnd = releasing.toSorted((a, b) => a.untilMs - b.untilMs);
  return byEnd.flatMap((rate, index) => {
    const next = byEnd[index + 1];
    if (index % 2 === 1) return [];
    return next === undefined ? [rate] : [{ rates: plus(rate.rates, next.rates), untilMs: next.untilMs }];
  });
}
