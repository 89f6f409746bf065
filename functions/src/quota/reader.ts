import type { Clock } from '../platform/clock.ts';
import { keptFor } from '../platform/once.ts';
import type { QuotaDays } from './day.ts';
import type { Ledger } from './ledgerDocument.ts';
import type { LedgerState } from './ledgerState.ts';
import { ledgerCacheMs } from './limits.ts';
import { quotaReport, type ReportedLimits, shownWarning, spentBudget } from './report.ts';

export interface QuotaReaderOptions {
  ledger: Pick<Ledger, 'look'>;
  days: QuotaDays;
  limits: ReportedLimits;
  clock: Clock;
}

/** Reads what operators see of the quota. Looks at the ledger at most once every `ledgerCacheMs`: one read. */
export class QuotaReader {
  readonly #options: QuotaReaderOptions;
  readonly #look: () => Promise<LedgerState | undefined>;

  constructor(options: QuotaReaderOptions) {
    this.#options = options;
    this.#look = keptFor(options.clock, ledgerCacheMs, () => options.ledger.look());
  }

  /** `GET /v1/quota`. Throws LedgerError. */
  async report(): Promise<object> {
    const { limits } = this.#options;
    const { state, nowMs, day } = await this.#present();
    return quotaReport(state, day, limits, nowMs);
  }

  /** The latest warnings, newest first. Throws LedgerError. */
  async warnings(limit: number): Promise<object[]> {
    const { state } = await this.#present();
    return (state?.warnings ?? []).slice(-limit).reverse().map(shownWarning);
  }

  /** Tells of a spent daily budget: since when, and until when work waits. Throws LedgerError. */
  async spentBudget(): Promise<ReturnType<typeof spentBudget>> {
    const { state, day } = await this.#present();
    return spentBudget(state, day, this.#options.limits);
  }

  async #present() {
    const { clock, days } = this.#options;
    const nowMs = clock.now();
    return { state: await this.#look(), nowMs, day: days.dayOf(nowMs) };
  }
}
