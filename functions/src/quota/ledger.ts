import { smallest } from '../platform/arrays.ts';
import type { QuotaDay } from './day.ts';
import { budgetDenial, grantOf } from './grant.ts';
import type {
  Denial,
  Denials,
  LeaseRequest,
  LeaseReturn,
  LedgerAnswer,
  LedgerRequest,
  ReturnOutcome,
} from './ledgerRequest.ts';
import {
  emptyLedger,
  type HolderKind,
  isReserved,
  type Lease,
  type LedgerState,
  liveHolders,
  nothingCharged,
  reservedRates,
} from './ledgerState.ts';
import {
  maxLeasesOfKey,
  maxProxyLeases,
  maxWaiting,
  type QuotaLimits,
  releaseMs,
  resetMarginMs,
  waitingMs,
} from './limits.ts';
import { billedTypes, noOperations, type Operations, perType, plus } from './operations.ts';
import { boundedLeases } from './pruning.ts';
import { type FreshRequest, recordUse } from './recordUse.ts';
import { nothingDone, plusUse, type Use } from './use.ts';

/** A new state to be stored in one transaction with the reading of the old; undefined: nothing is to be stored. */
interface LedgerStep {
  state: LedgerState | undefined;
  answer: LedgerAnswer;
}

/** Works on one request: what comes back is credited, then the lease asked for is met from what is free. */
export function applyToLedger(
  stored: LedgerState | undefined,
  request: LedgerRequest,
  limits: QuotaLimits,
): LedgerStep {
  const { day, nowMs, wanted } = request;
  const before = stored ?? emptyLedger(day.id);
  const resetEndMs = endOfReset(before, day, nowMs);
  if (resetEndMs !== undefined) {
    const denials = denialsOf(wanted, { reason: 'reset', retryAtMs: resetEndMs });
    return { state: undefined, answer: answerOf(before, request, limits, { denials }) };
  }
  const current = inDay(before, day.id, nowMs);
  const state: LedgerState = { ...current, charged: { ...current.charged } };
  const own: Lease[] = [];
  const returned = request.returns.map((back) => credit(state, back, request.holder, own));
  // A proxy that is mistaken is told so, and nothing is changed; an instance returns leases that may never have been.
  if (request.kind === 'proxy' && returned.some((outcome) => outcome !== 'credited'))
    return { state: undefined, answer: answerOf(current, request, limits, { returned }) };
  const report = freshRequest(current, request, own);
  if (wanted === undefined) {
    release(state, own, nowMs);
    return recorded(current, state, report, limits, { returned });
  }
  const full = request.kind === 'proxy' ? fullUntilMs(state, request) : undefined;
  if (full !== undefined) {
    const denial = { reason: 'too_many_leases', retryAtMs: full } as const;
    return refused(current, report, wanted, limits, denialsOf(wanted, denial));
  }
  const retained = retainedOf(request, own);
  const { lease, denials } = grantOf(state, { ...request, wanted }, { own, retained }, limits);
  if (lease === undefined) return refused(current, report, wanted, limits, denials);
  const fresh = perType((type) => lease.amounts[type] - retained[type]);
  charge(state, request.kind, fresh);
  state.leases = [...state.leases, lease];
  state.waiting = state.waiting.filter(({ holder }) => holder !== request.holder);
  return recorded(current, state, report, limits, { returned, lease, denials });
}

/** Leaves out the reports that are recorded already: their answer was lost. */
function freshRequest({ reports }: LedgerState, request: LedgerRequest, own: readonly Lease[]): FreshRequest {
  const fresh = request.use.filter(({ id }) => !reports.includes(id));
  const use = fresh.reduce<Use>(plusUse, nothingDone());
  const reportIds = request.use.map(({ id }) => id);
  return { ...request, reportIds, use: request.kind === 'proxy' ? proxyUse(request, use, own) : use };
}

/** The use of a proxy, as far as anybody knows: what it says, or all that it might have done. */
function proxyUse({ returns }: LedgerRequest, use: Use, own: readonly Lease[]): Use {
  const spent = own.map(({ id, amounts }) => {
    const said = returns.find((back) => back.id === id)?.spent ?? 'all';
    return said === 'all' ? amounts : said;
  });
  if (spent.length === 0) return use;
  return { ...use, byPurpose: { ...use.byPurpose, leases: spent.reduce(plus, { ...noOperations }) } };
}

/** The time at which leases are granted again, if a reset is near on this clock or was passed on another. */
function endOfReset({ day: storedDay }: LedgerState, day: QuotaDay, nowMs: number): number | undefined {
  if (nowMs < day.startMs + resetMarginMs) return day.startMs + resetMarginMs;
  if (nowMs >= day.endMs - resetMarginMs || storedDay > day.id) return day.endMs + resetMarginMs;
  return undefined;
}

/** The state as of now: a new day begins with nothing charged. */
function inDay(before: LedgerState, day: string, nowMs: number): LedgerState {
  const isNew = before.day !== day;
  const { used } = before;
  return {
    ...before,
    day,
    ...(isNew && nothingCharged()),
    ...boundedLeases(
      before.leases.filter((lease) => lease.day === day || isReserved(lease, nowMs)),
      before.releasing.filter(({ untilMs }) => untilMs > nowMs),
      nowMs,
    ),
    waiting: before.waiting.filter(({ untilMs }) => untilMs > nowMs).slice(-maxWaiting + 1),
    used: isNew ? { ...used, today: { ...noOperations }, byPurpose: {} } : used,
  };
}

/** The time at which there is a place for one more lease of this proxy; undefined: now. */
function fullUntilMs({ leases }: LedgerState, { holder, nowMs }: LedgerRequest): number | undefined {
  const all = leases.filter((lease) => lease.kind === 'proxy' && isReserved(lease, nowMs));
  const ofKey = all.filter((lease) => lease.holder === holder);
  const full = ofKey.length >= maxLeasesOfKey ? ofKey : all;
  if (full === all && all.length < maxProxyLeases) return undefined;
  return smallest(full.map(({ endMs }) => endMs)) + releaseMs;
}

/** Credits a return: its lease is none any more and goes to `own`. */
function credit(
  state: LedgerState,
  { id, spent, retained }: LeaseReturn,
  holder: string,
  own: Lease[],
): ReturnOutcome {
  const lease = state.leases.find((known) => known.id === id);
  if (lease === undefined || lease.holder !== holder) return 'unknown';
  if (lease.day !== state.day) return 'other_day';
  const back = perType((type) =>
    spent === 'all' ? 0 : lease.amounts[type] - spent[type] - (retained?.[type] ?? 0),
  );
  if (billedTypes.some((type) => back[type] < 0)) return 'too_much';
  const credited = perType((type) => -back[type]);
  charge(state, lease.kind, credited);
  state.leases = state.leases.filter((known) => known !== lease);
  own.push(lease);
  return 'credited';
}

function charge(state: LedgerState, kind: HolderKind, amounts: Operations): void {
  state.charged = plus(state.charged, amounts);
  if (kind === 'api') state.apiReads += amounts.reads;
  if (kind === 'flush') state.flushReads += amounts.reads;
  if (kind === 'miner') state.minerReads += amounts.reads;
}

function retainedOf({ returns }: LedgerRequest, own: readonly Lease[]): Operations {
  const counted = returns.filter(({ id }) => own.some((lease) => lease.id === id));
  return counted.reduce((sum, { retained }) => plus(sum, retained ?? noOperations), { ...noOperations });
}

/** Releases the rates that were given up: they may show at the database for a while. */
function release(state: LedgerState, own: readonly Lease[], nowMs: number): void {
  for (const lease of own) {
    const untilMs = Math.min(nowMs, lease.endMs) + releaseMs;
    if (untilMs > nowMs)
      state.releasing = [...state.releasing, { rates: reservedRates(lease, nowMs), untilMs }];
  }
}

function recorded(
  current: LedgerState,
  state: LedgerState,
  request: FreshRequest,
  limits: QuotaLimits,
  parts: Partial<LedgerAnswer>,
): LedgerStep {
  charge(state, 'worker', { writes: 1, reads: request.attempts, deletes: 0 });
  // The write that would record it is the day's as well.
  if (limits.daily.writes > 0 && state.charged.writes > limits.daily.writes) {
    const denials = denialsOf(request.wanted, budgetDenial(request));
    return { state: undefined, answer: answerOf(current, request, limits, { denials }) };
  }
  charge(state, request.kind, request.use.unleased);
  const warnings = recordUse(current, state, request, limits);
  return { state, answer: answerOf(state, request, limits, { ...parts, warnings }) };
}

/** Nothing is granted: leases stand as they were. Others learn, on the way, of a holder that found no rate free. */
function refused(
  current: LedgerState,
  request: FreshRequest,
  wanted: LeaseRequest,
  limits: QuotaLimits,
  denials: Denials,
): LedgerStep {
  const { holder, nowMs } = request;
  const known = current.waiting.find((waiter) => waiter.holder === holder);
  const isKnown = known !== undefined && known.untilMs > nowMs + waitingMs / 2;
  const isShort = billedTypes.some((type) => denials[type]?.reason === 'rate');
  if (isKnown || !isShort)
    return { state: undefined, answer: answerOf(current, request, limits, { denials }) };
  const waiting = [
    ...current.waiting.filter((waiter) => waiter !== known),
    { holder, kind: request.kind, demands: wanted.demands, untilMs: nowMs + waitingMs },
  ];
  return recorded(current, { ...current, waiting }, request, limits, { denials });
}

/** Denies all that is asked for; nothing where no lease is. */
function denialsOf(wanted: LeaseRequest | undefined, denial: Denial): Denials {
  const types = billedTypes.filter((type) => (wanted?.demands[type] ?? 0) > 0);
  return Object.fromEntries(types.map((type) => [type, denial]));
}

function answerOf(
  state: LedgerState,
  request: LedgerRequest | FreshRequest,
  { daily }: QuotaLimits,
  parts: Partial<LedgerAnswer>,
): LedgerAnswer {
  const { returns, nowMs, holder } = request;
  const reportIds = 'reportIds' in request ? request.reportIds : request.use.map(({ id }) => id);
  const holders = liveHolders(state, nowMs).add(holder);
  for (const waiter of state.waiting) holders.add(waiter.holder);
  return {
    recorded: reportIds.filter((id) => state.reports.includes(id)),
    lease: undefined,
    denials: {},
    returned: returns.map(() => 'pending'),
    holders: holders.size,
    chargedShare: perType((type) => (daily[type] > 0 ? state.charged[type] / daily[type] : 0)),
    warnings: [],
    ...parts,
  };
}
