import { largest, smallest } from '../platform/arrays.ts';
import type { Denial, Denials, LeaseReturn, LedgerRequest } from './ledger.ts';
import {
  type HolderKind,
  isLive,
  isReserved,
  type Lease,
  type LedgerState,
  reservedRates,
} from './ledgerState.ts';
import {
  coolingMs,
  firstAmountShare,
  idleCostSeconds,
  keptReadsShare,
  leasablePerDay,
  leasableRates,
  lowRate,
  maxAmountShare,
  maxBudgetWaitMs,
  maxTermMs,
  minerReadsShare,
  minTermMs,
  ownRatesShare,
  type QuotaLimits,
  rateRetryMs,
  resetMarginMs,
  termPerHolderMs,
} from './limits.ts';
import {
  each,
  noOperations,
  type Operations,
  type OperationType,
  operationTypes,
  plus,
} from './operations.ts';
import { fairShare } from './share.ts';

/** A wish for a lease. */
export interface LeaseWish {
  /** The new lease's id. */
  id: string;
  /** Until when the lease that it renews may be spent; the request's time where it renews none. */
  switchMs: number;
  /** Operations a second that the holder would use; 0: none of this kind. */
  demands: Operations;
  /** The least amounts that are of use. */
  needs: Operations;
  /** Kinds whose amount was spent before its lease ended, so that the next may be twice as large. */
  spentEarly: readonly OperationType[];
  /** A proxy's: so much at most, for so long. */
  fixed?: { amounts: Operations; termMs: number } | undefined;
}

/** A proxy's small lease may last long, so it holds no more of the rate than spends it in this time. */
const spendingSeconds = 60;

type WishRequest = LedgerRequest & { wish: LeaseWish };

/**
 * What a wish gets of what others leave free. `own`: the holder's leases that this one replaces; what was kept of them
 * goes over to it. No lease where nothing can be granted.
 */
export function grantOf(
  state: LedgerState,
  request: WishRequest,
  own: readonly Lease[],
  limits: QuotaLimits,
): { lease: Lease | undefined; denials: Denials } {
  const { wish, nowMs, day, holder, kind, returns } = request;
  const leasable = leasableRates(limits);
  const rates = each((type) => rateOf(state, request, type, leasable[type]));
  const switchMs = Math.max(wish.switchMs, nowMs);
  const endMs = Math.min(switchMs + termMs(state, request, rates, leasable), day.endMs - resetMarginMs);
  const kept = each((type) =>
    returns.reduce(
      (sum, { id, kept: of }) => (own.some((lease) => lease.id === id) ? sum + (of?.[type] ?? 0) : sum),
      0,
    ),
  );
  const amounts = each((type) =>
    rates[type] > 0
      ? kept[type] +
        freshAmount(state, request, own, limits, { type, rate: rates[type], kept: kept[type], endMs })
      : kept[type],
  );
  const denials: Denials = {};
  for (const type of operationTypes.filter((each) => wish.demands[each] > 0)) {
    if (rates[type] === 0) denials[type] = { reason: 'rate', retryAtMs: nextFreeMs(state, nowMs) };
    else if (amounts[type] < Math.max(1, wish.needs[type])) denials[type] = budgetDenial(request);
  }
  const isGranted = operationTypes.some((type) => wish.demands[type] > 0 && denials[type] === undefined);
  if (!isGranted) return { lease: undefined, denials };
  const previous = previousOf(own, switchMs, nowMs);
  const lease: Lease = {
    id: wish.id,
    holder,
    kind,
    day: day.id,
    // What is denied holds no rate that others could use.
    rates: each((type) => (denials[type] === undefined ? rates[type] : 0)),
    amounts: each((type) => (denials[type] === undefined ? amounts[type] : kept[type])),
    startMs: nowMs,
    endMs,
    ...(previous && { previous }),
    demands: wish.demands,
    multiplier: request.multiplier,
  };
  return { lease, denials };
}

/** Until the reset, or until a raised budget is to be noticed. */
export function budgetDenial({ day, nowMs }: Pick<LedgerRequest, 'day' | 'nowMs'>): Denial {
  return {
    reason: 'daily_budget',
    retryAtMs: Math.min(day.endMs + resetMarginMs, nowMs + maxBudgetWaitMs),
  };
}

/** Operations a second: the holder's fair share, of which others may still hold a part. */
function rateOf(state: LedgerState, request: WishRequest, type: OperationType, leasable: number): number {
  const { wish, nowMs, kind } = request;
  if (wish.demands[type] <= 0) return 0;
  const reserved = state.leases.filter((lease) => isReserved(lease, nowMs));
  const sumOf = (rates: readonly Operations[]): number => rates.reduce((sum, each) => sum + each[type], 0);
  const ratesOf = (leases: readonly Lease[]) => leases.map((lease) => reservedRates(lease, nowMs));
  const taken = sumOf([...ratesOf(reserved), ...state.cooling.map(({ rates }) => rates)]);
  const byProxies = sumOf(ratesOf(reserved.filter((lease) => lease.kind === 'proxy')));
  const forProxies = leasable * (1 - ownRatesShare) - byProxies;
  const low = Math.min(
    lowRate(leasable),
    (wish.fixed?.amounts[type] ?? leasable * spendingSeconds) / spendingSeconds,
  );
  const { limit, others } = sharing(state, request, type, leasable);
  const share = fairShare(limit, wish.demands[type], others);
  const free = Math.min(leasable - taken, kind === 'proxy' ? forProxies : leasable);
  const rate = Math.min(free, Math.max(low, share));
  return rate < low / 2 ? 0 : rate;
}

/** When the next rate that others hold, or gave up, becomes free. */
function nextFreeMs(state: LedgerState, nowMs: number): number {
  const free = [
    ...state.cooling.map(({ untilMs }) => untilMs),
    ...state.leases.map(({ endMs }) => endMs + coolingMs),
    ...state.leases.flatMap(({ previous }) => (previous === undefined ? [] : [previous.untilMs + coolingMs])),
  ].filter((ms) => ms > nowMs);
  return Math.max(nowMs + rateRetryMs, Math.min(nowMs + minTermMs, smallest(free)));
}

/**
 * Tells how much there is to be shared, operations a second, and what others want of it. Proxies keep what they have until its end, and
 * get no more than their part: between Sluice's own instances the rest is shared.
 */
function sharing(
  state: LedgerState,
  { holder, kind, nowMs }: WishRequest,
  type: OperationType,
  leasable: number,
): { limit: number; others: number[] } {
  // Leases of its own are other ones too: proxies that share a key have one each.
  const leases = state.leases.filter((lease) => isLive(lease, nowMs));
  const waiting = state.waiting.filter((waiter) => waiter.holder !== holder);
  const wanted = (from: readonly { demands: Operations }[]): number[] =>
    from.map(({ demands }) => demands[type]).filter((demand) => demand > 0);
  if (kind === 'proxy') return { limit: leasable, others: wanted([...leases, ...waiting]) };
  const isProxy = (each: { kind?: HolderKind }): boolean => each.kind === 'proxy';
  const held = leases.filter(isProxy).reduce((sum, { rates }) => sum + rates[type], 0);
  const own = [...leases, ...waiting].filter((each) => !isProxy(each));
  const forProxies = leasable * (1 - ownRatesShare) - held;
  const more = wanted(waiting.filter(isProxy)).map((demand) => Math.min(demand, Math.max(0, forProxies)));
  return { limit: leasable - held, others: [...wanted(own), ...more.filter((demand) => demand > 0)] };
}

/** Where more is wanted than there is, short, so that shares adapt; else longer the less it blocks. */
function termMs(state: LedgerState, request: WishRequest, rates: Operations, leasable: Operations): number {
  const { wish, nowMs } = request;
  if (wish.fixed !== undefined) return wish.fixed.termMs;
  const granted = operationTypes.filter((type) => rates[type] > 0);
  const others = new Set(state.leases.filter((lease) => isLive(lease, nowMs)).map((lease) => lease.holder));
  const isScarce = granted.some((type) => {
    const shared = sharing(state, request, type, leasable[type]);
    return shared.others.reduce((sum, each) => sum + each, wish.demands[type]) > shared.limit;
  });
  if (isScarce || state.waiting.length > 0) return Math.max(minTermMs, (others.size + 1) * termPerHolderMs);
  const terms = granted.map((type) => (idleCostSeconds * 1000 * leasable[type]) / rates[type]);
  return Math.max(minTermMs, Math.min(maxTermMs, smallest(terms)));
}

/** What is charged anew: as much as the rate can spend, in steps that grow where a day has a limit. */
function freshAmount(
  state: LedgerState,
  { wish, nowMs, kind, returns }: WishRequest,
  own: readonly Lease[],
  limits: QuotaLimits,
  { type, rate, kept, endMs }: { type: OperationType; rate: number; kept: number; endMs: number },
): number {
  const inTerm = Math.ceil((rate * (endMs - nowMs)) / 1000) + 1;
  const spendable = Math.min(inTerm, wish.fixed?.amounts[type] ?? inTerm);
  const day = limits.daily[type];
  if (day === 0) return Math.max(0, Math.max(spendable, wish.needs[type]) - kept);
  const most = Math.max(1, Math.floor(day * maxAmountShare));
  const first = Math.max(1, Math.floor(day * firstAmountShare));
  const before = Math.max(
    first,
    largest(own.filter(isHalfSpent(returns, type)).map(({ amounts }) => amounts[type])),
  );
  const step = wish.fixed === undefined ? before * (wish.spentEarly.includes(type) ? 2 : 1) : most;
  const target = Math.max(Math.min(spendable, step, most), wish.needs[type]);
  return Math.max(0, Math.min(target - kept, budgetLeft(state, limits, type, kind)));
}

function isHalfSpent(returns: readonly LeaseReturn[], type: OperationType): (lease: Lease) => boolean {
  return (lease) => {
    const spent = returns.find(({ id }) => id === lease.id)?.spent ?? noOperations;
    return spent === 'all' || spent[type] * 2 >= lease.amounts[type];
  };
}

/**
 * The rest of the day's budget; a part of the reads is left to the API, and one to the flush, and miners' keys get no more than a part.
 * Only where the day has a limit.
 */
export function budgetLeft(
  state: LedgerState,
  limits: QuotaLimits,
  type: OperationType,
  kind: Lease['kind'],
): number {
  const left = leasablePerDay(limits)[type] - state.charged[type];
  if (type !== 'reads') return left;
  const taken = { api: state.apiReads, flush: state.flushReads ?? 0 };
  const kept = Math.ceil(limits.daily[type] * keptReadsShare);
  const others = (['api', 'flush'] as const).filter((each) => each !== kind);
  const free = others.reduce((rest, each) => rest - Math.max(0, kept - taken[each]), left);
  if (kind !== 'miner') return free;
  return Math.min(free, Math.floor(limits.daily[type] * minerReadsShare) - (state.minerReads ?? 0));
}

/** The rates that the holder may still spend until the switch. */
function previousOf(own: readonly Lease[], switchMs: number, nowMs: number): Lease['previous'] {
  const reserved = own
    .filter((lease) => isReserved(lease, nowMs))
    .map((lease) => reservedRates(lease, nowMs));
  if (reserved.length === 0) return undefined;
  const untilMs = Math.min(switchMs, largest(own.map((lease) => lease.endMs)));
  return { rates: reserved.reduce((sum, rates) => plus(sum, rates), { ...noOperations }), untilMs };
}
