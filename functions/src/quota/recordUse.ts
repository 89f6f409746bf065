import { budgetLeft } from './grant.ts';
import { withDone } from './history.ts';
import type { LedgerRequest } from './ledgerRequest.ts';
import type { LedgerState, QuotaWarning, UsedMinute } from './ledgerState.ts';
import {
  emergencyShare,
  maxKnownReports,
  maxPurposes,
  maxQuotaWarnings,
  type QuotaLimits,
  warningShare,
} from './limits.ts';
import {
  type BilledType,
  type ByPurpose,
  billedTypes,
  noOperations,
  type Operations,
  plus,
  plusByPurpose,
} from './operations.ts';
import type { Use } from './use.ts';

const minuteMs = 60_000;

/** A request, with all that it reports for the first time as one. */
export type FreshRequest = Omit<LedgerRequest, 'use'> & { use: Use; reportIds: readonly string[] };

/**
 * Adds a report, and the ledger's own operations, to the figures. Returns the warnings for limits that were neared
 * since `before`: a daily limit by what is charged, a minute's by what was reported in it.
 */
export function recordUse(
  before: LedgerState,
  state: LedgerState,
  { use, reportIds, attempts, nowMs, day }: FreshRequest,
  limits: QuotaLimits,
): QuotaWarning[] {
  const { daily, perMinute } = limits;
  const byPurpose = plusByPurpose(use.byPurpose, { ledger: { writes: 1, reads: attempts, deletes: 0 } });
  const sum = Object.values(byPurpose).reduce(plus, { ...noOperations });
  const minutes = withMinute(before.used.minutes, nowMs, sum);
  state.used = {
    today: plus(before.used.today, sum),
    total: plus(before.used.total, sum),
    byPurpose: boundedPurposes(plusByPurpose(before.used.byPurpose, byPurpose)),
    minutes,
  };
  state.history = withDone(before.history, { operations: sum, work: use.work }, nowMs, day);
  const news = reportIds.filter((id) => !before.reports.includes(id));
  state.reports = [...before.reports, ...news].slice(-maxKnownReports);
  const spent = billedTypes.filter((type) => isSpent(state, limits, type) && !isSpent(before, limits, type));
  state.spentAtMs = { ...before.spentAtMs, ...Object.fromEntries(spent.map((type) => [type, nowMs])) };
  const minuteNow = minuteAt(minutes, nowMs)?.operations ?? noOperations;
  const minuteBefore = minuteAt(before.used.minutes, nowMs)?.operations ?? noOperations;
  const warnings = billedTypes.flatMap((type): QuotaWarning[] => {
    const common = { operationType: type, atMs: nowMs };
    const [charged, perDay, minute] = [state.charged[type], daily[type], perMinute[type]];
    const inDay = { ...common, limitType: 'per_day', current: charged, limit: perDay } as const;
    const inMinute = { ...common, limitType: 'per_minute', current: minuteNow[type], limit: minute } as const;
    const thresholds = [
      perDay * warningShare,
      perDay * emergencyShare,
      ...(spent.includes(type) ? [charged] : []),
    ];
    const passed = thresholds.filter(
      (threshold) =>
        crosses(before.charged[type], charged, threshold) &&
        !isKnown(before.warnings, type, threshold, day.startMs),
    );
    const isMinuteNear = crosses(minuteBefore[type], minuteNow[type], minute * warningShare);
    return [...passed.map(() => inDay), ...(isMinuteNear ? [inMinute] : [])];
  });
  state.warnings = [...before.warnings, ...use.warnings, ...warnings].slice(-maxQuotaWarnings);
  return warnings;
}

/** True where nothing is left of the day for the flush. */
export function isSpent(state: LedgerState, limits: QuotaLimits, type: BilledType): boolean {
  return limits.daily[type] > 0 && budgetLeft(state, limits, type, 'flush') <= 0;
}

function crosses(before: number, after: number, threshold: number): boolean {
  return threshold > 0 && before < threshold && after >= threshold;
}

/** Returns take a day's charge back below a threshold: passing it again is no news. */
function isKnown(
  warnings: readonly QuotaWarning[],
  type: BilledType,
  threshold: number,
  dayStartMs: number,
): boolean {
  return warnings.some(
    ({ operationType, limitType, current, atMs }) =>
      operationType === type && limitType === 'per_day' && current >= threshold && atMs >= dayStartMs,
  );
}

function minuteAt(minutes: readonly UsedMinute[], nowMs: number): UsedMinute | undefined {
  const startMs = nowMs - (nowMs % minuteMs);
  return minutes.find((minute) => minute.startMs === startMs);
}

/** The latest two minutes of which something was reported. */
function withMinute(minutes: readonly UsedMinute[], nowMs: number, sum: Operations): UsedMinute[] {
  const startMs = nowMs - (nowMs % minuteMs);
  const present = minuteAt(minutes, nowMs)?.operations ?? noOperations;
  const others = minutes.filter((minute) => minute.startMs !== startMs);
  return [...others, { startMs, operations: plus(present, sum) }]
    .sort((a, b) => a.startMs - b.startMs)
    .slice(-2);
}

function boundedPurposes(byPurpose: ByPurpose): ByPurpose {
  const entries = Object.entries(byPurpose);
  if (entries.length <= maxPurposes) return byPurpose;
  const rest = entries.slice(maxPurposes).map(([, operations]) => ({ other: operations }));
  return rest.reduce<ByPurpose>(plusByPurpose, Object.fromEntries(entries.slice(0, maxPurposes)));
}
