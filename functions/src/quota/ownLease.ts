import { Bucket } from '../platform/bucket.ts';
import type { Clock } from '../platform/clock.ts';
import type { LeaseReturn } from './ledgerRequest.ts';
import type { Lease } from './ledgerState.ts';
import { burstMs, maxPendingReturns, renewLeadMs } from './limits.ts';
import { type BilledType, billedTypes, noOperations, type Operations, perType, plus } from './operations.ts';
import type { Throttle } from './throttle.ts';

/** The part of the old lease that may be spent while its renewal is under way. */
interface RenewalInFlight {
  retained: Operations;
  spent: Operations;
  untilMs: number;
}

/** The part of a request to the ledger that tells of the leases so far. */
interface Renewal {
  returns: LeaseReturn[];
  /** The present lease may be spent until then; now where there is none. */
  takeoverMs: number;
  spentEarly: BilledType[];
}

/**
 * The lease that a process holds, and what it spent of it. Once a renewal is sent, only what it keeps of
 * the old lease is spent; where its answer is lost, neither lease is, and the next request returns
 * whichever of them the ledger knows.
 */
export class OwnLease {
  readonly #clock: Clock;
  readonly #throttle: Throttle;
  readonly #buckets = perType(() => new Bucket(burstMs));
  #lease: Lease | undefined;
  #spent: Operations = { ...noOperations };
  #renewal: RenewalInFlight | undefined;
  #pending: LeaseReturn[] = [];

  constructor(clock: Clock, throttle: Throttle) {
    this.#clock = clock;
    this.#throttle = throttle;
  }

  /** The present lease; one that has ended is set aside, to be returned with the next request. */
  live(): Lease | undefined {
    const lease = this.#lease;
    if (lease === undefined || this.#clock.now() < lease.endMs) return lease;
    if (this.#renewal === undefined) this.end();
    return undefined;
  }

  /** Operations a second that the present lease allows. */
  rate(type: BilledType): number {
    return this.live()?.rates[type] ?? 0;
  }

  /** Milliseconds that so many take at the present rate, throttled as it is. */
  timeOf(type: BilledType, count: number): number {
    const { rate } = this.#buckets[type];
    return rate === 0 ? 0 : (count / rate) * 1000;
  }

  /** Operations that the lease covers still. */
  remaining(type: BilledType): number {
    const [lease, renewal] = [this.live(), this.#renewal];
    if (lease === undefined) return 0;
    return renewal === undefined
      ? lease.amounts[type] - this.#spent[type]
      : renewal.retained[type] - renewal.spent[type];
  }

  /** Operations that may be done at once. */
  burst(type: BilledType): number {
    this.#setRate(type);
    return this.#buckets[type].burst;
  }

  /** Takes from the lease; or how long that will not be possible: Infinity where only another lease helps. */
  take(type: BilledType, count: number): Lease | number {
    const nowMs = this.#clock.now();
    const [lease, renewal] = [this.live(), this.#renewal];
    if (lease === undefined || count > this.remaining(type)) return Number.POSITIVE_INFINITY;
    if (renewal !== undefined && nowMs >= renewal.untilMs) return Number.POSITIVE_INFINITY;
    this.#setRate(type);
    const waitMs = this.#buckets[type].take(count, nowMs);
    if (waitMs > 0) return waitMs;
    const spent = renewal?.spent ?? this.#spent;
    spent[type] += count;
    return lease;
  }

  /** Puts back what was taken; false where its lease is not the present one any more, or is on its way back. */
  refund(type: BilledType, count: number, leaseId: string): boolean {
    if (this.#lease?.id !== leaseId || this.#renewal !== undefined) return false;
    this.#spent[type] -= Math.min(count, this.#spent[type]);
    this.#buckets[type].refund(count);
    return true;
  }

  /** Sets the present lease aside, to be returned. */
  end(): void {
    if (this.#lease !== undefined) this.#setAside(this.#lease.id, this.#spent);
    this.#lease = undefined;
  }

  /** The returns of leases that ended. */
  get ended(): readonly LeaseReturn[] {
    return this.#pending;
  }

  /** The ledger knows what ended. */
  forgetEnded(): void {
    this.#pending = [];
  }

  /** Begins a renewal: from now on only what can be spent until the takeover is. */
  startRenewal(): Renewal {
    const nowMs = this.#clock.now();
    const lease = this.live();
    const untilMs = lease === undefined ? nowMs : Math.min(lease.endMs, nowMs + renewLeadMs);
    const retained = perType((type) => (lease ? this.#retainable(lease, type, untilMs - nowMs) : 0));
    this.#renewal = { retained, spent: { ...noOperations }, untilMs };
    if (lease === undefined) return { returns: this.#pending, takeoverMs: untilMs, spentEarly: [] };
    const { id, amounts } = lease;
    const returns = [...this.#pending, { id, spent: { ...this.#spent }, retained }];
    const isSpentEarly = (type: BilledType) => this.#spent[type] * 2 >= amounts[type] && amounts[type] > 0;
    return { returns, takeoverMs: untilMs, spentEarly: billedTypes.filter(isSpentEarly) };
  }

  /** The renewal brought a lease. */
  renewed(lease: Lease): void {
    this.#spent = this.#endRenewal();
    this.#lease = lease;
    this.#pending = [];
  }

  /** The renewal changed nothing. */
  notRenewed(): void {
    this.#spent = plus(this.#spent, this.#endRenewal());
  }

  /** Either the old lease or the one asked for is in the ledger; neither is used, and the next request returns both. */
  lost(requestedId: string): void {
    const spent = this.#endRenewal();
    this.#spent = plus(this.#spent, spent);
    this.end();
    this.#setAside(requestedId, spent);
    this.#spent = { ...noOperations };
  }

  /** Ends the renewal; returns what was spent while it was under way. */
  #endRenewal(): Operations {
    const spent = this.#renewal?.spent ?? { ...noOperations };
    this.#renewal = undefined;
    return spent;
  }

  #setAside(id: string, spent: Operations): void {
    this.#pending = [...this.#pending, { id, spent: { ...spent } }].slice(-maxPendingReturns);
  }

  #setRate(type: BilledType): void {
    const lease = this.live();
    if (lease === undefined) return;
    const nowMs = this.#clock.now();
    const { rates, previous } = lease;
    const isBeforeTakeover = previous !== undefined && nowMs < previous.untilMs;
    const rate = isBeforeTakeover ? Math.max(rates[type], previous.rates[type]) : rates[type];
    this.#buckets[type].setRate(rate / this.#throttle.rateDivisor(nowMs), nowMs);
  }

  /** Operations of a kind that can be spent until the takeover, at most those that are left. */
  #retainable(lease: Lease, type: BilledType, forMs: number): number {
    const spendable = Math.ceil((lease.rates[type] * forMs) / 1000) + Math.ceil(this.#buckets[type].burst);
    return Math.max(0, Math.min(lease.amounts[type] - this.#spent[type], spendable));
  }
}
