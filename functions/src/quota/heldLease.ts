import type { Clock } from '../platform/clock.ts';
import { Bucket } from './bucket.ts';
import type { LeaseReturn } from './ledger.ts';
import type { Lease } from './ledgerState.ts';
import { maxPendingReturns, renewLeadMs } from './limits.ts';
import {
  each,
  noOperations,
  type Operations,
  type OperationType,
  operationTypes,
  plus,
} from './operations.ts';
import type { Throttle } from './throttle.ts';

/** What may be spent of the old lease while its renewal is under way. */
interface Flight {
  kept: Operations;
  spent: Operations;
  untilMs: number;
}

/** What a request to the ledger says of the leases so far. */
export interface Renewal {
  returns: LeaseReturn[];
  /** Until when the present lease may be spent; now where there is none. */
  switchMs: number;
  spentEarly: OperationType[];
}

/**
 * The lease that a process holds, and what it spent of it. Once a renewal is sent, only what it keeps of the old lease is
 * spent; where its answer is lost, neither lease is, and the next request returns whichever of them the ledger knows.
 */
export class HeldLease {
  readonly #clock: Clock;
  readonly #throttle: Throttle;
  readonly #buckets: Record<OperationType, Bucket> = {
    writes: new Bucket(),
    reads: new Bucket(),
    deletes: new Bucket(),
  };
  #lease: Lease | undefined;
  #spent: Operations = { ...noOperations };
  #flight: Flight | undefined;
  #pending: LeaseReturn[] = [];

  constructor(clock: Clock, throttle: Throttle) {
    this.#clock = clock;
    this.#throttle = throttle;
  }

  /** The present lease; one that has ended is set aside, to be returned with the next request. */
  live(): Lease | undefined {
    const lease = this.#lease;
    if (lease === undefined || this.#clock.now() < lease.endMs) return lease;
    if (this.#flight === undefined) this.end();
    return undefined;
  }

  /** Operations a second that the present lease allows. */
  rate(type: OperationType): number {
    return this.live()?.rates[type] ?? 0;
  }

  /** How long so many take at the present rate, throttled as it is. */
  timeOf(type: OperationType, count: number): number {
    const { rate } = this.#buckets[type];
    return rate === 0 ? 0 : (count / rate) * 1000;
  }

  /** Operations that the lease covers still. */
  remaining(type: OperationType): number {
    const [lease, flight] = [this.live(), this.#flight];
    if (lease === undefined) return 0;
    return flight === undefined
      ? lease.amounts[type] - this.#spent[type]
      : flight.kept[type] - flight.spent[type];
  }

  /** Operations that may be done at once. */
  burst(type: OperationType): number {
    this.#setRate(type);
    return this.#buckets[type].burst;
  }

  /** Takes from the lease; or how long that will not be possible: Infinity where only another lease helps. */
  take(type: OperationType, count: number): Lease | number {
    const nowMs = this.#clock.now();
    const [lease, flight] = [this.live(), this.#flight];
    if (lease === undefined || count > this.remaining(type)) return Number.POSITIVE_INFINITY;
    if (flight !== undefined && nowMs >= flight.untilMs) return Number.POSITIVE_INFINITY;
    this.#setRate(type);
    const waitMs = this.#buckets[type].take(count, nowMs);
    if (waitMs > 0) return waitMs;
    const spent = flight?.spent ?? this.#spent;
    spent[type] += count;
    return lease;
  }

  /** Whether what was taken counts again: only while its lease is the present one, and not on its way back. */
  giveBack(type: OperationType, count: number, leaseId: string): boolean {
    if (this.#lease?.id !== leaseId || this.#flight !== undefined) return false;
    this.#spent[type] -= Math.min(count, this.#spent[type]);
    this.#buckets[type].giveBack(count);
    return true;
  }

  /** Sets the present lease aside, to be returned. */
  end(): void {
    if (this.#lease !== undefined) this.#setAside(this.#lease.id, this.#spent);
    this.#lease = undefined;
  }

  /** What is to be returned of leases that ended. */
  get ended(): readonly LeaseReturn[] {
    return this.#pending;
  }

  /** The ledger knows what ended. */
  forgetEnded(): void {
    this.#pending = [];
  }

  /** From now on only what can be spent until the switch is. */
  startRenewal(): Renewal {
    const nowMs = this.#clock.now();
    const lease = this.live();
    const untilMs = lease === undefined ? nowMs : Math.min(lease.endMs, nowMs + renewLeadMs);
    const kept = each((type) => (lease === undefined ? 0 : this.#keepable(lease, type, untilMs - nowMs)));
    this.#flight = { kept, spent: { ...noOperations }, untilMs };
    if (lease === undefined) return { returns: this.#pending, switchMs: untilMs, spentEarly: [] };
    return {
      returns: [...this.#pending, { id: lease.id, spent: { ...this.#spent }, kept }],
      switchMs: untilMs,
      spentEarly: operationTypes.filter(
        (type) => this.#spent[type] * 2 >= lease.amounts[type] && lease.amounts[type] > 0,
      ),
    };
  }

  /** The renewal brought a lease. */
  renewed(lease: Lease): void {
    this.#spent = this.#land();
    this.#lease = lease;
    this.#pending = [];
  }

  /** The renewal changed nothing. */
  notRenewed(): void {
    this.#spent = plus(this.#spent, this.#land());
  }

  /** Either the old lease or the wished one is in the ledger; neither is used, and the next request returns both. */
  lost(wishedId: string): void {
    const spent = this.#land();
    this.#spent = plus(this.#spent, spent);
    this.end();
    this.#setAside(wishedId, spent);
    this.#spent = { ...noOperations };
  }

  /** What was spent while the renewal was under way. */
  #land(): Operations {
    const spent = this.#flight?.spent ?? { ...noOperations };
    this.#flight = undefined;
    return spent;
  }

  #setAside(id: string, spent: Operations): void {
    this.#pending = [...this.#pending, { id, spent: { ...spent } }].slice(-maxPendingReturns);
  }

  #setRate(type: OperationType): void {
    const lease = this.live();
    if (lease === undefined) return;
    const nowMs = this.#clock.now();
    const { rates, previous } = lease;
    const isBeforeSwitch = previous !== undefined && nowMs < previous.untilMs;
    const rate = isBeforeSwitch ? Math.max(rates[type], previous.rates[type]) : rates[type];
    this.#buckets[type].setRate(rate / this.#throttle.rateDivisor(nowMs), nowMs);
  }

  /** What can be spent of a kind until the switch, at most what is left. */
  #keepable(lease: Lease, type: OperationType, forMs: number): number {
    const spendable = Math.ceil((lease.rates[type] * forMs) / 1000) + Math.ceil(this.#buckets[type].burst);
    return Math.max(0, Math.min(lease.amounts[type] - this.#spent[type], spendable));
  }
}
