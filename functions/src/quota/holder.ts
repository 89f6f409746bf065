import type { Clock } from '../platform/clock.ts';
import type { Ids } from '../platform/ids.ts';
import type { Logger } from '../platform/logger.ts';
import { Bucket } from './bucket.ts';
import { Demand } from './demand.ts';
import type { Denial, LeaseReturn, LedgerAnswer } from './ledger.ts';
import { type Ledger, LedgerError } from './ledgerDocument.ts';
import type { HolderKind, Lease } from './ledgerState.ts';
import {
  askPauseMs,
  growPauseMs,
  maxLedgerPauseMs,
  maxPendingReturns,
  minLedgerPauseMs,
  patienceMs,
  rateRetryMs,
  renewLeadMs,
  upgradePauseMs,
} from './limits.ts';
import type { OperationMeter } from './meter.ts';
import {
  each,
  noOperations,
  type Operations,
  type OperationType,
  operationTypes,
  plus,
} from './operations.ts';
import type { Throttle } from './throttle.ts';

/** Whether operations may be done now. */
export type QuotaDecision = { isGranted: true; leaseId: string } | ({ isGranted: false } & Denial);

export interface LeaseHolderOptions {
  ledger: Pick<Ledger, 'ask'>;
  kind: HolderKind;
  meter: OperationMeter;
  throttle: Throttle;
  clock: Clock;
  ids: Pick<Ids, 'uuid'>;
  logger: Logger;
  random(): number;
}

interface Waiter {
  count: number;
  giveUpAtMs: number;
  decide(decision: QuotaDecision): void;
}

/** What may be spent of the old lease while its renewal is under way. */
interface Flight {
  kept: Operations;
  spent: Operations;
  untilMs: number;
}

/**
 * A process's share of the quota. It takes leases sized to its demand, spends them smoothly without I/O, renews them
 * before they end and returns what is left. Once a renewal is sent, only what it keeps of the old lease is spent; where
 * its answer is lost, neither lease is, and the next request returns whichever of them the ledger knows.
 */
export class LeaseHolder {
  readonly #options: LeaseHolderOptions;
  readonly #id: string;
  readonly #demand: Demand;
  readonly #buckets: Record<OperationType, Bucket> = {
    writes: new Bucket(),
    reads: new Bucket(),
    deletes: new Bucket(),
  };
  readonly #queues: Record<OperationType, Waiter[]> = { writes: [], reads: [], deletes: [] };
  readonly #timers: Partial<Record<OperationType, unknown>> = {};
  readonly #denials: Partial<Record<OperationType, Denial>> = {};
  #lease: Lease | undefined;
  #spent: Operations = { ...noOperations };
  #flight: Flight | undefined;
  #asking: Promise<void> | undefined;
  #pending: LeaseReturn[] = [];
  #nextAskMs = 0;
  #nextUpgradeMs = 0;
  #ledgerPauseMs = 0;
  #isClosed = false;

  constructor(options: LeaseHolderOptions) {
    this.#options = options;
    this.#id = options.ids.uuid();
    this.#demand = new Demand(options.clock.now());
  }

  /** Waits its turn, at most `maxWaitMs`; a denial that is known to last longer comes at once. */
  acquire(type: OperationType, count: number, maxWaitMs: number): Promise<QuotaDecision> {
    const nowMs = this.#options.clock.now();
    this.#demand.arrive(type, count, nowMs);
    return new Promise((decide) => {
      this.#queues[type].push({ count, giveUpAtMs: nowMs + maxWaitMs, decide });
      this.#serve(type);
    });
  }

  /** What was granted and surely not done. It counts again only while its lease is the present one. */
  giveBack(type: OperationType, count: number, leaseId: string): void {
    if (this.#lease?.id !== leaseId || this.#flight !== undefined) return;
    this.#spent[type] -= Math.min(count, this.#spent[type]);
    this.#buckets[type].giveBack(count);
    this.#serve(type);
  }

  /** Documents that one commit may hold now, where `waiting` are to be written soon; takes a lease for that, or says why not. */
  async commitSize(waiting: number): Promise<number | Denial> {
    const { clock } = this.#options;
    this.#demand.expect('writes', waiting, clock.now());
    const rate = this.#rate('writes');
    const isSlow = rate === 0 || (waiting > (rate * patienceMs) / 1000 && clock.now() >= this.#nextUpgradeMs);
    if (isSlow && this.#mayAsk('writes')) await this.#ask();
    const lease = this.#liveLease();
    const denial = this.#denials.writes;
    if (this.#rate('writes') === 0 && denial !== undefined && denial.retryAtMs > clock.now())
      return this.#refusal('writes', denial);
    if (lease === undefined) return 1;
    this.#setRate('writes', lease, clock.now());
    const left = this.#remaining(lease, 'writes') - sumOf(this.#queues.writes);
    return Math.max(1, Math.floor(Math.min(left, this.#buckets.writes.burst)));
  }

  /** At the process's end: returns what is left. Nothing is granted any more. Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#asking;
    const lease = this.#lease;
    if (lease !== undefined) this.#setAside(lease, this.#spent);
    this.#lease = undefined;
    for (const type of operationTypes) this.#serve(type);
    await this.#report();
  }

  async #report(): Promise<void> {
    const { ledger, kind, meter, logger } = this.#options;
    const use = meter.drain();
    if (this.#pending.length === 0 && Object.keys(use.byCause).length === 0) return;
    try {
      await ledger.ask({ holder: this.#id, kind, returns: this.#pending, use, multiplier: 1 });
      this.#pending = [];
    } catch (error) {
      logger.warn('Leases are not returned: what they had counts as spent', { error });
    }
  }

  #rate(type: OperationType): number {
    const lease = this.#liveLease();
    return lease === undefined ? 0 : lease.rates[type];
  }

  /** The present lease; one that has ended is set aside, to be returned with the next request. */
  #liveLease(): Lease | undefined {
    const lease = this.#lease;
    if (lease === undefined || this.#options.clock.now() < lease.endMs) return lease;
    if (this.#flight !== undefined) return undefined;
    this.#setAside(lease, this.#spent);
    this.#lease = undefined;
    return undefined;
  }

  #setAside(lease: Pick<Lease, 'id'>, spent: Operations): void {
    this.#pending = [...this.#pending, { id: lease.id, spent: { ...spent } }].slice(-maxPendingReturns);
  }

  /** Serves the kind's queue as far as it goes, and sees to what it lacks. */
  #serve(type: OperationType): void {
    const { clock, throttle } = this.#options;
    const queue = this.#queues[type];
    clock.clearTimeout(this.#timers[type]);
    let waitMs = 0;
    while (queue[0] !== undefined) {
      const taken = this.#take(type, queue[0].count);
      if (typeof taken === 'number') {
        waitMs = taken;
        break;
      }
      throttle.served(type, clock.now());
      queue.shift()?.decide({ isGranted: true, leaseId: taken.id });
    }
    if (this.#isInNeed(type, waitMs) && this.#mayAsk(type)) void this.#ask();
    this.#giveUp(type, waitMs);
    this.#setTimer(type, waitMs);
  }

  /** Comes back to those that wait: when the first can be served, gives up, or may ask the ledger again. */
  #setTimer(type: OperationType, waitMs: number): void {
    const { clock } = this.#options;
    const nowMs = clock.now();
    const waiters = this.#queues[type];
    if (waiters.length === 0) return;
    const moments = [
      ...waiters.map(({ giveUpAtMs }) => giveUpAtMs),
      ...[this.#denials[type]?.retryAtMs ?? 0, this.#nextAskMs, this.#nextUpgradeMs].filter(
        (ms) => ms > nowMs,
      ),
    ];
    const delayMs = Math.min(waitMs, ...moments.map((ms) => ms - nowMs));
    this.#timers[type] = clock.setTimeout(() => this.#serve(type), Math.max(1, delayMs));
  }

  /** Takes from the lease; or how long that will not be possible: Infinity where only another lease helps. */
  #take(type: OperationType, count: number): Lease | number {
    const nowMs = this.#options.clock.now();
    const lease = this.#liveLease();
    if (lease === undefined || this.#isClosed) return Number.POSITIVE_INFINITY;
    const flight = this.#flight;
    if (flight !== undefined && nowMs >= flight.untilMs) return Number.POSITIVE_INFINITY;
    if (count > this.#remaining(lease, type)) return Number.POSITIVE_INFINITY;
    this.#setRate(type, lease, nowMs);
    const waitMs = this.#buckets[type].take(count, nowMs);
    if (waitMs > 0) return waitMs;
    const spent = flight?.spent ?? this.#spent;
    spent[type] += count;
    return lease;
  }

  #remaining(lease: Lease, type: OperationType): number {
    const flight = this.#flight;
    return flight === undefined
      ? lease.amounts[type] - this.#spent[type]
      : flight.kept[type] - flight.spent[type];
  }

  #setRate(type: OperationType, { rates, previous }: Lease, nowMs: number): void {
    const isBeforeSwitch = previous !== undefined && nowMs < previous.untilMs;
    const rate = isBeforeSwitch ? Math.max(rates[type], previous.rates[type]) : rates[type];
    this.#buckets[type].setRate(rate / this.#options.throttle.rateDivisor(nowMs), nowMs);
  }

  /** Whether a request to the ledger would help what waits, or what will come. */
  #isInNeed(type: OperationType, waitMs: number): boolean {
    const nowMs = this.#options.clock.now();
    const lease = this.#liveLease();
    if (lease === undefined || lease.rates[type] === 0) return this.#queues[type].length > 0;
    // Before the reset leases are short: one is not renewed as soon as it begins.
    const leadMs = Math.min(renewLeadMs, (lease.endMs - lease.startMs) / 2);
    if (nowMs >= lease.endMs - leadMs) return true;
    const isSpent = waitMs === Number.POSITIVE_INFINITY;
    const isTooLittle =
      this.#remaining(lease, type) < sumOf(this.#queues[type]) + this.#demand.expected(type, nowMs);
    if ((isSpent || isTooLittle) && nowMs >= this.#nextAskMs) return true;
    return this.#queueMs(type) > patienceMs && nowMs >= this.#nextUpgradeMs;
  }

  #queueMs(type: OperationType): number {
    const { rate } = this.#buckets[type];
    return rate === 0 ? 0 : (sumOf(this.#queues[type]) / rate) * 1000;
  }

  #mayAsk(type: OperationType): boolean {
    if (this.#asking !== undefined || this.#isClosed) return false;
    return (this.#denials[type]?.retryAtMs ?? 0) <= this.#options.clock.now();
  }

  /** Decides for those whose time is up, or that wait for what is known to come later than that. */
  #giveUp(type: OperationType, waitMs: number): void {
    const nowMs = this.#options.clock.now();
    const denial = this.#denials[type];
    const isShort = waitMs === Number.POSITIVE_INFINITY && this.#asking === undefined;
    const isLate = ({ giveUpAtMs }: Waiter): boolean =>
      giveUpAtMs <= nowMs ||
      (isShort && denial !== undefined && denial.retryAtMs > giveUpAtMs) ||
      this.#isClosed;
    const late = this.#queues[type].filter(isLate);
    if (late.length === 0) return;
    const refusal = this.#refusal(
      type,
      isShort && denial !== undefined ? denial : { reason: 'rate', retryAtMs: nowMs + rateRetryMs },
    );
    this.#queues[type] = this.#queues[type].filter((waiter) => !late.includes(waiter));
    for (const { decide } of late) decide({ isGranted: false, ...refusal });
  }

  /** A denial as callers hear it: with the time to come again that the throttle names. */
  #refusal(type: OperationType, denial: Denial): Denial {
    const nowMs = this.#options.clock.now();
    const flow = { demand: this.#demands(nowMs)[type], granted: this.#rate(type) };
    return { ...denial, retryAtMs: this.#options.throttle.refused(type, denial, flow, nowMs) };
  }

  #demands(nowMs: number): Operations {
    return this.#demand.rates(
      each((type) => sumOf(this.#queues[type])),
      nowMs,
    );
  }

  #ask(): Promise<void> {
    const asking = this.#askNow().finally(() => {
      this.#asking = undefined;
      for (const type of operationTypes) this.#serve(type);
    });
    this.#asking = asking;
    return asking;
  }

  async #askNow(): Promise<void> {
    const { ledger, kind, meter, clock, ids, throttle } = this.#options;
    const nowMs = clock.now();
    const lease = this.#liveLease();
    const untilMs = lease === undefined ? nowMs : Math.min(lease.endMs, nowMs + renewLeadMs);
    const kept = each((type) => (lease === undefined ? 0 : this.#keepable(lease, type, untilMs - nowMs)));
    const returns = [
      ...this.#pending,
      ...(lease === undefined ? [] : [{ id: lease.id, spent: { ...this.#spent }, kept }]),
    ];
    const spentEarly = operationTypes.filter(
      (type) => lease !== undefined && this.#isSpentEarly(lease, type),
    );
    const demands = this.#demands(nowMs);
    const needs = each((type) => this.#queues[type][0]?.count ?? 0);
    const wish = { id: ids.uuid(), switchMs: untilMs, demands, needs, spentEarly };
    const flight = { kept, spent: { ...noOperations }, untilMs };
    this.#flight = flight;
    const use = meter.drain();
    try {
      const answer = await ledger.ask({
        holder: this.#id,
        kind,
        returns,
        wish,
        use,
        multiplier: throttle.multiplier(nowMs),
      });
      if (!answer.isUseRecorded) meter.restore(use);
      this.#ledgerPauseMs = 0;
      this.#settle(answer, flight, demands);
    } catch (error) {
      meter.restore(use);
      this.#fail(error, wish.id, flight);
    }
  }

  /** What can be spent of a kind until the switch, at most what is left. */
  #keepable(lease: Lease, type: OperationType, forMs: number): number {
    const spendable = Math.ceil((lease.rates[type] * forMs) / 1000) + Math.ceil(this.#buckets[type].burst);
    return Math.max(0, Math.min(lease.amounts[type] - this.#spent[type], spendable));
  }

  #isSpentEarly(lease: Lease, type: OperationType): boolean {
    return this.#spent[type] * 2 >= lease.amounts[type] && lease.amounts[type] > 0;
  }

  #settle(answer: LedgerAnswer, flight: Flight, demands: Operations): void {
    const { clock, throttle } = this.#options;
    const nowMs = clock.now();
    this.#flight = undefined;
    for (const type of operationTypes) {
      const denial = answer.denials[type];
      if (denial === undefined) delete this.#denials[type];
      else this.#denials[type] = this.#spread(denial);
    }
    if (answer.lease === undefined) this.#spent = plus(this.#spent, flight.spent);
    else {
      this.#lease = answer.lease;
      this.#spent = flight.spent;
      this.#pending = [];
      this.#demand.restart(nowMs);
    }
    // Where the share is less than the demand, others want it too: only time, or a renewal, brings more.
    const isShort = operationTypes.some((type) => demands[type] > (answer.lease?.rates[type] ?? 0));
    this.#nextAskMs = nowMs + (isShort ? answer.holders * askPauseMs : growPauseMs);
    this.#nextUpgradeMs =
      nowMs + (isShort ? Math.max(upgradePauseMs, answer.holders * askPauseMs) : growPauseMs);
    throttle.learn(answer, nowMs);
  }

  #fail(error: unknown, wishedId: string, flight: Flight): void {
    const { clock, logger } = this.#options;
    this.#flight = undefined;
    const spent = plus(this.#spent, flight.spent);
    if (error instanceof LedgerError && !error.mayBeRecorded) this.#spent = spent;
    else {
      // Either the old lease or the new one is in the ledger; neither is used, and the next request returns both.
      if (this.#lease !== undefined) this.#setAside(this.#lease, spent);
      this.#setAside({ id: wishedId }, flight.spent);
      this.#lease = undefined;
      this.#spent = { ...noOperations };
    }
    this.#ledgerPauseMs = Math.min(maxLedgerPauseMs, Math.max(minLedgerPauseMs, this.#ledgerPauseMs * 2));
    const retryAtMs = clock.now() + this.#ledgerPauseMs;
    for (const type of operationTypes) {
      this.#denials[type] = this.#spread({ reason: 'ledger_unavailable', retryAtMs });
    }
    logger.warn('No lease: the quota ledger cannot be used', { error, retry_in_ms: this.#ledgerPauseMs });
  }

  /** So that holders that were denied together do not come back together. */
  #spread({ reason, retryAtMs }: Denial): Denial {
    return { reason, retryAtMs: Math.round(retryAtMs + this.#options.random() * rateRetryMs) };
  }
}

function sumOf(waiters: readonly Waiter[]): number {
  return waiters.reduce((sum, { count }) => sum + count, 0);
}
