import { largest, smallest } from '../platform/arrays.ts';
import type { Denial, Denials, LeaseRequest, LeaseReturn, LedgerRequest } from './ledgerRequest.ts';
import {
  type HolderKind,
  isLive,
  isReserved,
  type Lease,
  type LedgerState,
  liveHolders,
  reservedRates,
} from './ledgerState.ts';
import {
  firstAmountShare,
  idleCostSeconds,
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
  releaseMs,
  reservedReadsShare,
  resetMarginMs,
  termPerHolderMs,
} from './limits.ts';
import { type BilledType, billedTypes, noOperations, type Operations, perType, plus } from './operations.ts';

/** A proxy's small lease may last long, so it holds no more of the rate than spends it in this time. */
const spendingSeconds = 60;

type GrantRequest = LedgerRequest & { wanted: LeaseRequest };

/**
 * Grants a lease of what others leave free. `own`: the holder's leases that this one replaces; what was `retained` of
 * them goes over to it. No lease where nothing can be granted.
 */
export function grantOf(
  state: LedgerState,
  request: GrantRequest,
  { own, retained }: { own: readonly Lease[]; retained: Operations },
  limits: QuotaLimits,
): { lease: Lease | undefined; denials: Denials } {
  const { wanted, nowMs, day, holder, kind } = request;
  const leasable = leasableRates(limits);
  const rates = perType((type) => rateOf(state, request, type, leasable[type]));
  const takeoverMs = Math.max(wanted.takeoverMs, nowMs);
  const endMs = Math.min(takeoverMs + termMs(state, request, rates, leasable), day.endMs - resetMarginMs);
  const amounts = perType((type) => {
    const [rate, before] = [rates[type], retained[type]];
    if (rate === 0) return before;
    return before + freshAmount(state, request, own, limits, { type, rate, retained: before, endMs });
  });
  const denials: Denials = {};
  for (const type of billedTypes.filter((kind) => wanted.demands[kind] > 0)) {
    if (rates[type] === 0) denials[type] = { reason: 'rate', retryAtMs: nextFreeMs(state, nowMs) };
    else if (amounts[type] < Math.max(1, wanted.needs[type])) denials[type] = budgetDenial(request);
  }
  const isGranted = billedTypes.some((type) => wanted.demands[type] > 0 && denials[type] === undefined);
  if (!isGranted) return { lease: undefined, denials };
  const previous = previousOf(own, takeoverMs, nowMs);
  const lease: Lease = {
    id: wanted.id,
    holder,
    kind,
    day: day.id,
    // A denied kind holds no rate that others could use.
    rates: perType((type) => (denials[type] === undefined ? rates[type] : 0)),
    amounts: perType((type) => (denials[type] === undefined ? amounts[type] : retained[type])),
    startMs: nowMs,
    endMs,
    ...(previous && { previous }),
    demands: wanted.demands,
    multiplier: request.multiplier,
  };
  return { lease, denials };
}

/** A denial until the reset, or until a raised budget is to be noticed. */
export function budgetDenial({ day, nowMs }: Pick<LedgerRequest, 'day' | 'nowMs'>): Denial {
  return {
    reason: 'daily_budget',
    retryAtMs: Math.min(day.endMs + resetMarginMs, nowMs + maxBudgetWaitMs),
  };
}

/** Operations a second: the holder's fair share, of which others may still hold a part. */
function rateOf(state: LedgerState, request: GrantRequest, type: BilledType, leasable: number): number {
  const { wanted, nowMs, kind } = request;
  if (wanted.demands[type] <= 0) return 0;
  const reserved = state.leases.filter((lease) => isReserved(lease, nowMs));
  const sumOf = (rates: readonly Operations[]): number => rates.reduce((sum, rate) => sum + rate[type], 0);
  const ratesOf = (leases: readonly Lease[]) => leases.map((lease) => reservedRates(lease, nowMs));
  const taken = sumOf([...ratesOf(reserved), ...state.releasing.map(({ rates }) => rates)]);
  const byProxies = sumOf(ratesOf(reserved.filter((lease) => lease.kind === 'proxy')));
  const forProxies = leasable * (1 - ownRatesShare) - byProxies;
  const low = Math.min(
    lowRate(leasable),
    (wanted.fixed?.amounts[type] ?? leasable * spendingSeconds) / spendingSeconds,
  );
  const { limit, others } = sharing(state, request, type, leasable);
  const share = fairShare(limit, wanted.demands[type], others);
  const free = Math.min(leasable - taken, kind === 'proxy' ? forProxies : leasable);
  const rate = Math.min(free, Math.max(low, share));
  return rate < low / 2 ? 0 : rate;
}

/** The time at which the next rate that others hold, or gave up, becomes free. */
function nextFreeMs(state: LedgerState, nowMs: number): number {
  const free = [
    ...state.releasing.map(({ untilMs }) => untilMs),
    ...state.leases.map(({ endMs }) => endMs + releaseMs),
    ...state.leases.flatMap(({ previous }) => (previous === undefined ? [] : [previous.untilMs + releaseMs])),
  ].filter((ms) => ms > nowMs);
  return Math.max(nowMs + rateRetryMs, Math.min(nowMs + minTermMs, smallest(free)));
}

/**
 * Tells how much there is to be shared, operations a second, and what others want of it. Proxies keep what they have
 * until its end, and get no more than their part: between Sluice's own instances the rest is shared.
 */
function sharing(
  state: LedgerState,
  { holder, kind, nowMs }: GrantRequest,
  type: BilledType,
  leasable: number,
): { limit: number; others: number[] } {
  // Leases of its own are other ones too: proxies that share a key have one each.
  const leases = state.leases.filter((lease) => isLive(lease, nowMs));
  const waiting = state.waiting.filter((waiter) => waiter.holder !== holder);
  const wanted = (from: readonly { demands: Operations }[]): number[] =>
    from.map(({ demands }) => demands[type]).filter((demand) => demand > 0);
  if (kind === 'proxy') return { limit: leasable, others: wanted([...leases, ...waiting]) };
  const isProxy = ({ kind: of }: { kind?: HolderKind }): boolean => of === 'proxy';
  const proxiesRate = leases.filter(isProxy).reduce((sum, { rates }) => sum + rates[type], 0);
  const own = [...leases, ...waiting].filter((sharer) => !isProxy(sharer));
  const forProxies = leasable * (1 - ownRatesShare) - proxiesRate;
  const more = wanted(waiting.filter(isProxy)).map((demand) => Math.min(demand, Math.max(0, forProxies)));
  return { limit: leasable - proxiesRate, others: [...wanted(own), ...more.filter((demand) => demand > 0)] };
}

/** The lease's term: short where more is wanted than there is, so that shares adapt; else longer the less it blocks. */
function termMs(state: LedgerState, request: GrantRequest, rates: Operations, leasable: Operations): number {
  const { wanted, nowMs } = request;
  if (wanted.fixed !== undefined) return wanted.fixed.termMs;
  const granted = billedTypes.filter((type) => rates[type] > 0);
  const isScarce = granted.some((type) => {
    const shared = sharing(state, request, type, leasable[type]);
    return shared.others.reduce((sum, demand) => sum + demand, wanted.demands[type]) > shared.limit;
  });
  if (isScarce || state.waiting.length > 0)
    return Math.max(minTermMs, (liveHolders(state, nowMs).size + 1) * termPerHolderMs);
  const terms = granted.map((type) => (idleCostSeconds * 1000 * leasable[type]) / rates[type]);
  return Math.max(minTermMs, Math.min(maxTermMs, smallest(terms)));
}

/** The amount that is charged anew: as much as the rate can spend, in steps that grow where a day has a limit. */
function freshAmount(
  state: LedgerState,
  { wanted, nowMs, kind, returns }: GrantRequest,
  own: readonly Lease[],
  limits: QuotaLimits,
  { type, rate, retained, endMs }: { type: BilledType; rate: number; retained: number; endMs: number },
): number {
  const inTerm = Math.ceil((rate * (endMs - nowMs)) / 1000) + 1;
  const spendable = Math.min(inTerm, wanted.fixed?.amounts[type] ?? inTerm);
  const day = limits.daily[type];
  if (day === 0) return Math.max(0, Math.max(spendable, wanted.needs[type]) - retained);
  const most = Math.max(1, Math.floor(day * maxAmountShare));
  const first = Math.max(1, Math.floor(day * firstAmountShare));
  const before = Math.max(
    first,
    largest(own.filter(isHalfSpent(returns, type)).map(({ amounts }) => amounts[type])),
  );
  const step = wanted.fixed === undefined ? before * (wanted.spentEarly.includes(type) ? 2 : 1) : most;
  const target = Math.max(Math.min(spendable, step, most), wanted.needs[type]);
  return Math.max(0, Math.min(target - retained, budgetLeft(state, limits, type, kind)));
}

function isHalfSpent(returns: readonly LeaseReturn[], type: BilledType): (lease: Lease) => boolean {
  return (lease) => {
    const spent = returns.find(({ id }) => id === lease.id)?.spent ?? noOperations;
    return spent === 'all' || spent[type] * 2 >= lease.amounts[type];
  };
}

/**
 * The rest of the day's budget; a part of the reads is left to the API, and one to the flush, and miners' keys get no
 * more than a part. Only where the day has a limit.
 */
export function budgetLeft(
  state: LedgerState,
  limits: QuotaLimits,
  type: BilledType,
  kind: Lease['kind'],
): number {
  const left = leasablePerDay(limits)[type] - state.charged[type];
  if (type !== 'reads') return left;
  const taken = { api: state.apiReads, flush: state.flushReads };
  const reserved = Math.ceil(limits.daily[type] * reservedReadsShare);
  const others = (['api', 'flush'] as const).filter((other) => other !== kind);
  const free = others.reduce((rest, other) => rest - Math.max(0, reserved - taken[other]), left);
  if (kind !== 'miner') return free;
  return Math.min(free, Math.floor(limits.daily[type] * minerReadsShare) - state.minerReads);
}

/** The rates that the holder may still spend until the takeover. */
function previousOf(own: readonly Lease[], takeoverMs: number, nowMs: number): Lease['previous'] {
  const reserved = own
    .filter((lease) => isReserved(lease, nowMs))
    .map((lease) => reservedRates(lease, nowMs));
  if (reserved.length === 0) return undefined;
  const untilMs = Math.min(takeoverMs, largest(own.map((lease) => lease.endMs)));
  return { rates: reserved.reduce((sum, rates) => plus(sum, rates), { ...noOperations }), untilMs };
}

/**
 * One holder's fair part of a limit: what it wants where that is little, else as much as every other that wants more
 * than there is for each (max-min fairness). `others`: what the others want.
 */
function fairShare(limit: number, wanted: number, others: readonly number[]): number {
  let left = limit;
  let sharers = others.length + 1;
  for (const other of others.toSorted((a, b) => a - b)) {
    const level = left / sharers;
    if (other >= level || wanted <= other) break;
    left -= other;
    sharers -= 1;
  }
  return Math.min(wanted, left / sharers);
}
