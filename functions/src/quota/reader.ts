import type { Clock } from '../platform/clock.ts';
import { cachedFor } from '../platform/once.ts';
import type { QuotaDays } from './day.ts';
import type { Ledger } from './ledgerDocument.ts';
import { ledgerCacheMs } from './limits.ts';
import { quotaReport, type ReportedLimits, shownWarning, spentBudget } from './report.ts';

interface QuotaReaderOptions {
  ledger: Pick<Ledger, 'look'>;
  days: QuotaDays;
  limits: ReportedLimits;
  clock: Clock;
}

export interface QuotaReader {
  /** `GET /v1/quota`. Throws LedgerError. */
  report(): Promise<ReturnType<typeof quotaReport>>;
  /** The latest warnings, newest first. Throws LedgerError. */
  warnings(limit: number): Promise<object[]>;
  /** Tells of a spent daily budget: since when, and until when work waits. Throws LedgerError. */
  spentBudget(): Promise<ReturnType<typeof spentBudget>>;
}

/** Reads what operators see of the quota. Looks at the ledger at most once every `ledgerCacheMs`: one read. */
export function quotaReader({ ledger, days, limits, clock }: QuotaReaderOptions): QuotaReader {
  const look = cachedFor(clock, ledgerCacheMs, () => ledger.look());
  const today = () => days.dayOf(clock.now());
  return {
    report: async () => quotaReport(await look(), today(), limits, clock.now(), days),
    warnings: async (limit) => ((await look())?.warnings ?? []).slice(-limit).reverse().map(shownWarning),
    spentBudget: async () => spentBudget(await look(), today(), limits),
  };
}
