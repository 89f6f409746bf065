import type { Denial, LedgerAnswer } from './ledgerRequest.ts';
import {
  askPauseMs,
  growPauseMs,
  maxLedgerPauseMs,
  minLedgerPauseMs,
  rateRetryMs,
  upgradePauseMs,
} from './limits.ts';
import { type BilledType, billedTypes, type Operations } from './operations.ts';

/** Decides when a holder may ask the ledger again, by the answers and failures before. */
export class LedgerBackoff {
  readonly #random: () => number;
  #denials: Partial<Record<BilledType, Denial>> = {};
  #nextAskMs = 0;
  #nextUpgradeMs = 0;
  #failurePauseMs = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  denial(type: BilledType): Denial | undefined {
    return this.#denials[type];
  }

  /** True once the last denial of a kind is over. */
  mayAsk(type: BilledType, nowMs: number): boolean {
    return (this.#denials[type]?.retryAtMs ?? 0) <= nowMs;
  }

  /** True when it is time for a larger amount. */
  mayRefill(nowMs: number): boolean {
    return nowMs >= this.#nextAskMs;
  }

  /** True when it is time for a higher rate. */
  mayUpgrade(nowMs: number): boolean {
    return nowMs >= this.#nextUpgradeMs;
  }

  /** Moments to come from which one of these may be asked for. */
  next(type: BilledType, nowMs: number): number[] {
    const moments = [this.#denials[type]?.retryAtMs ?? 0, this.#nextAskMs, this.#nextUpgradeMs];
    return moments.filter((ms) => ms > nowMs);
  }

  answered({ denials, lease, holders }: LedgerAnswer, demands: Operations, nowMs: number): void {
    this.#failurePauseMs = 0;
    this.#denials = {};
    for (const type of billedTypes) {
      const denial = denials[type];
      if (denial !== undefined) this.#denials[type] = this.#spread(denial);
    }
    // Where the share is less than the demand, others want it too: only time, or a renewal, brings more.
    const isShort = billedTypes.some((type) => demands[type] > (lease?.rates[type] ?? 0));
    this.#nextAskMs = nowMs + (isShort ? holders * askPauseMs : growPauseMs);
    this.#nextUpgradeMs = nowMs + (isShort ? Math.max(upgradePauseMs, holders * askPauseMs) : growPauseMs);
  }

  /** The ledger cannot be used. Returns the pause, which doubles each time. */
  failed(nowMs: number): number {
    this.#failurePauseMs = Math.min(maxLedgerPauseMs, Math.max(minLedgerPauseMs, this.#failurePauseMs * 2));
    const retryAtMs = nowMs + this.#failurePauseMs;
    for (const type of billedTypes) {
      this.#denials[type] = this.#spread({ reason: 'ledger_unavailable', retryAtMs });
    }
    return this.#failurePauseMs;
  }

  /** Spreads denials, so that holders that were denied together do not come back together. */
  #spread({ reason, retryAtMs }: Denial): Denial {
    return { reason, retryAtMs: Math.round(retryAtMs + this.#random() * rateRetryMs) };
  }
}
