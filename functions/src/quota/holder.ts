import { smallest } from '../platform/arrays.ts';
import type { Ids } from '../platform/ids.ts';
import type { Using } from '../platform/services.ts';
import { Demand } from './demand.ts';
import { LedgerBackoff } from './ledgerBackoff.ts';
import { type Ledger, LedgerError } from './ledgerDocument.ts';
import type { Denial } from './ledgerRequest.ts';
import type { HolderKind } from './ledgerState.ts';
import { longWaitMs, rateRetryMs, renewLeadMs } from './limits.ts';
import type { OperationMeter } from './meter.ts';
import { type BilledType, billedTypes, type Operations, perType } from './operations.ts';
import { OwnLease } from './ownLease.ts';
import { ReportTimer } from './reportTimer.ts';
import type { Throttle } from './throttle.ts';
import { type QuotaDecision, Waiters } from './waiters.ts';

interface LeaseHolderOptions extends Using<'clock' | 'logger'> {
  ledger: Pick<Ledger, 'ask'>;
  kind: HolderKind;
  meter: OperationMeter;
  throttle: Throttle;
  ids: Pick<Ids, 'uuid'>;
  random(): number;
}

/**
 * A process's share of the quota. It takes leases sized to its demand, spends them smoothly without I/O, renews them
 * before they end and returns what is left.
 */
export class LeaseHolder {
  readonly #options: LeaseHolderOptions;
  readonly #id: string;
  readonly #demand: Demand;
  readonly #own: OwnLease;
  readonly #backoff: LedgerBackoff;
  readonly #waiters: Readonly<Record<BilledType, Waiters>>;
  readonly #timers: Partial<Record<BilledType, unknown>> = {};
  #asking: Promise<void> | undefined;
  #reportTimer: ReportTimer | undefined;
  #isClosed = false;

  constructor(options: LeaseHolderOptions) {
    const { clock, throttle, ids, random } = options;
    this.#options = options;
    this.#id = ids.uuid();
    this.#demand = new Demand(clock.now());
    this.#own = new OwnLease(clock, throttle);
    this.#backoff = new LedgerBackoff(random);
    this.#waiters = perType(() => new Waiters(clock));
  }

  /** Waits its turn, at most `maxWaitMs`; a denial that is known to last longer comes at once. */
  acquire(type: BilledType, count: number, maxWaitMs: number): Promise<QuotaDecision> {
    const nowMs = this.#options.clock.now();
    this.#demand.arrive(type, count, nowMs);
    const decision = this.#waiters[type].wait(count, nowMs + maxWaitMs);
    this.#serve(type);
    return decision;
  }

  /** Refunds what was granted and surely not done. It counts again only while its lease is the present one. */
  refund(type: BilledType, count: number, leaseId: string): void {
    if (!this.#own.refund(type, count, leaseId)) return;
    this.#demand.refund(type, count);
    this.#serve(type);
  }

  /** Documents that a commit may write, or delete, now, of `waiting`; takes a lease for them, or says why not. */
  async commitSize(waiting: number, type: BilledType = 'writes'): Promise<number | Denial> {
    const { clock } = this.#options;
    const own = this.#own;
    this.#demand.expect(type, waiting, clock.now());
    const rate = own.rate(type);
    const isSlow =
      rate === 0 || (waiting > (rate * longWaitMs) / 1000 && this.#backoff.mayUpgrade(clock.now()));
    if (isSlow && this.#mayAsk(type)) await this.#ask();
    const denial = this.#backoff.denial(type);
    if (own.rate(type) === 0 && denial !== undefined && denial.retryAtMs > clock.now())
      return this.#refusal(type, denial);
    const left = own.remaining(type) - this.#waiters[type].count;
    return Math.max(1, Math.floor(Math.min(left, own.burst(type))));
  }

  /** From now on reports work without waiting for the next lease. */
  reportWork(): void {
    const { clock, meter } = this.#options;
    let isFirst = true;
    const report = (isQuiet: boolean): void => {
      // A request that is under way, or must wait, has it or gets it.
      if (!billedTypes.every((type) => this.#mayAsk(type))) return;
      // The first returns the lease as well: a process that was started for one thing has none to return as it ends.
      if (isFirst && isQuiet) this.#own.end();
      isFirst = false;
      void this.#alone(() => this.#report());
    };
    const isUnreported = (): boolean => !this.#isClosed && meter.hasUnreportedWork;
    const timer = new ReportTimer({ clock, report, isUnreported });
    meter.onWork(() => timer.worked());
    this.#reportTimer = timer;
  }

  /** Ends with the process: returns what is left, and grants nothing any more. Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#reportTimer?.end();
    await this.#asking;
    this.#own.end();
    for (const type of billedTypes) this.#serve(type);
    await this.#report();
  }

  async #report(): Promise<void> {
    const { ledger, kind, meter, logger, ids } = this.#options;
    const use = meter.drain(ids.uuid());
    const returns = this.#own.ended;
    if (returns.length === 0 && use.every(({ byPurpose }) => Object.keys(byPurpose).length === 0)) {
      return meter.restore(use);
    }
    try {
      const answer = await ledger.ask({ holder: this.#id, kind, returns, use, multiplier: 1 });
      meter.restore(use.filter(({ id }) => !answer.recorded.includes(id)));
      this.#own.forgetEnded();
    } catch (error) {
      meter.keep(use);
      logger.warn('The quota ledger was not told of work; leases that it has not back count as spent', {
        error,
      });
    }
  }

  /** Serves the kind's queue as far as it goes, and sees to what it lacks. */
  #serve(type: BilledType): void {
    const { clock, throttle } = this.#options;
    const waiters = this.#waiters[type];
    clock.clearTimeout(this.#timers[type]);
    let waitMs = 0;
    for (let count = waiters.first; count !== undefined; count = waiters.first) {
      const taken = this.#isClosed ? Number.POSITIVE_INFINITY : this.#own.take(type, count);
      if (typeof taken === 'number') {
        waitMs = taken;
        break;
      }
      throttle.served(type, clock.now());
      waiters.grantFirst(taken.id);
    }
    if (this.#isInNeed(type, waitMs) && this.#mayAsk(type)) void this.#ask();
    this.#giveUp(type, waitMs);
    this.#setTimer(type, waitMs);
  }

  /** Comes back to those that wait: when the first can be served, gives up, or may ask the ledger again. */
  #setTimer(type: BilledType, waitMs: number): void {
    const { clock } = this.#options;
    const nowMs = clock.now();
    const waiters = this.#waiters[type];
    if (waiters.isEmpty) return;
    const nextMs = Math.min(waiters.nextGiveUpMs, smallest(this.#backoff.next(type, nowMs)));
    const delayMs = Math.max(1, Math.min(waitMs, nextMs - nowMs));
    this.#timers[type] = clock.setTimeout(() => this.#serve(type), delayMs);
  }

  /** True where a request to the ledger would help what waits, or what will come. */
  #isInNeed(type: BilledType, waitMs: number): boolean {
    const nowMs = this.#options.clock.now();
    const [own, backoff, waiters] = [this.#own, this.#backoff, this.#waiters[type]];
    const lease = own.live();
    if (lease === undefined || lease.rates[type] === 0) return !waiters.isEmpty;
    // Before the reset leases are short: one is not renewed as soon as it begins.
    const leadMs = Math.min(renewLeadMs, (lease.endMs - lease.startMs) / 2);
    if (nowMs >= lease.endMs - leadMs) return true;
    const isSpent = waitMs === Number.POSITIVE_INFINITY;
    const isTooLittle = own.remaining(type) < waiters.count + this.#demand.expected(type, nowMs);
    if ((isSpent || isTooLittle) && backoff.mayRefill(nowMs)) return true;
    return (
      backoff.mayUpgrade(nowMs) && (own.timeOf(type, waiters.count) > longWaitMs || this.#isPressed(type))
    );
  }

  /** Callers wait most of the time, though never many at once: the rate is to double. */
  #isPressed(type: BilledType): boolean {
    const { throttle, clock } = this.#options;
    if (throttle.rateDivisor(clock.now()) > 1 || !this.#waiters[type].isPressed()) return false;
    this.#demand.raise(type, this.#own.rate(type) * 2);
    return true;
  }

  #mayAsk(type: BilledType): boolean {
    if (this.#asking !== undefined || this.#isClosed) return false;
    return this.#backoff.mayAsk(type, this.#options.clock.now());
  }

  /** Decides for those whose time is up, or that wait for what is known to come later than that. */
  #giveUp(type: BilledType, waitMs: number): void {
    const nowMs = this.#options.clock.now();
    const isShort = waitMs === Number.POSITIVE_INFINITY && this.#asking === undefined;
    const denial = isShort ? this.#backoff.denial(type) : undefined;
    const untilMs = Math.max(nowMs, (denial?.retryAtMs ?? 0) - 1);
    this.#waiters[type].refuseUntil(this.#isClosed ? Number.POSITIVE_INFINITY : untilMs, () =>
      this.#refusal(type, denial ?? { reason: 'rate', retryAtMs: nowMs + rateRetryMs }),
    );
  }

  /** A denial as callers hear it: with the time to come again that the throttle names. */
  #refusal(type: BilledType, denial: Denial): Denial {
    const nowMs = this.#options.clock.now();
    const flow = { demand: this.#demands(nowMs)[type], granted: this.#own.rate(type) };
    return { ...denial, retryAtMs: this.#options.throttle.refused(type, denial, flow, nowMs) };
  }

  #demands(nowMs: number): Operations {
    const queued = perType((type) => this.#waiters[type].count);
    return this.#demand.rates(queued, nowMs);
  }

  #ask(): Promise<void> {
    return this.#alone(() => this.#askNow());
  }

  /** Sends one request to the ledger; there is one at a time. */
  #alone(request: () => Promise<void>): Promise<void> {
    const asking = request().finally(() => {
      this.#asking = undefined;
      for (const type of billedTypes) this.#serve(type);
    });
    this.#asking = asking;
    return asking;
  }

  async #askNow(): Promise<void> {
    const { ledger, kind, meter, clock, ids, logger, throttle } = this.#options;
    const nowMs = clock.now();
    const { returns, takeoverMs, spentEarly } = this.#own.startRenewal();
    const demands = this.#demands(nowMs);
    const needs = perType((type) => this.#waiters[type].first ?? 0);
    const wanted = { id: ids.uuid(), takeoverMs, demands, needs, spentEarly };
    const use = meter.drain(wanted.id);
    const multiplier = throttle.multiplier(nowMs);
    try {
      const answer = await ledger.ask({ holder: this.#id, kind, returns, wanted, use, multiplier });
      meter.restore(use.filter(({ id }) => !answer.recorded.includes(id)));
      if (answer.lease === undefined) this.#own.notRenewed();
      else {
        this.#own.renewed(answer.lease);
        this.#demand.restart(clock.now());
      }
      logger.debug('Asked the ledger for a lease', () => ({ wanted: demands, granted: answer.lease }));
      this.#backoff.answered(answer, demands, clock.now());
      throttle.learn(answer, clock.now());
    } catch (error) {
      meter.keep(use);
      this.#fail(error, wanted.id);
    }
  }

  #fail(error: unknown, requestedId: string): void {
    const { clock, logger, throttle } = this.#options;
    if (error instanceof LedgerError && error.exhausted !== undefined)
      throttle.exhausted(error.exhausted, clock.now());
    if (error instanceof LedgerError && !error.mayBeRecorded) this.#own.notRenewed();
    else this.#own.lost(requestedId);
    const pauseMs = this.#backoff.failed(clock.now());
    logger.warn('No lease: the quota ledger cannot be used', { error, retry_in_ms: pauseMs });
  }
}
