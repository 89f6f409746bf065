import { largest } from '../platform/arrays.ts';
import type { QuotaDay, QuotaDays } from './day.ts';
import { historyReport } from './historyReport.ts';
import { isEmergency, isLive, type LedgerState, percentageOf, type QuotaWarning } from './ledgerState.ts';
import type { QuotaLimits } from './limits.ts';
import { type BilledType, billedTypes, type Operations, perType } from './operations.ts';
import { isSpent } from './recordUse.ts';
import { maxMultiplier } from './throttle.ts';

/** Limits as they are reported: what Firestore allows, and what Sluice grants of it. */
export interface ReportedLimits extends QuotaLimits {
  quotaPerSecond: Operations;
}

const minuteMs = 60_000;

/** `GET /v1/quota`; `state` is undefined while nothing was granted yet. */
export function quotaReport(
  state: LedgerState | undefined,
  day: QuotaDay,
  limits: ReportedLimits,
  nowMs: number,
  days: Pick<QuotaDays, 'monthStartMs'>,
) {
  const isToday = state?.day === day.id;
  const warnings = (state?.warnings ?? []).map(shownWarning).reverse();
  const multiplier = Math.max(1, largest(liveLeases(state, nowMs).map((lease) => lease.multiplier)));
  return {
    current_usage: perType((type) => ({
      per_second: perSecond(state, type, nowMs),
      per_minute: perMinute(state, type, nowMs),
      per_day: isToday ? state.used.today[type] : 0,
      total: state?.used.total[type] ?? 0,
    })),
    quota_limits: named({
      per_second: limits.quotaPerSecond,
      per_minute: perType((type) => limits.quotaPerSecond[type] * 60),
      per_day: perType((type) => limits.daily[type] || null),
    }),
    rate_limits: named({ per_second: limits.rates, per_minute: limits.perMinute }),
    throttling: {
      enabled: multiplier > 1,
      multiplier: Math.round(multiplier * 100) / 100,
      max_multiplier: maxMultiplier,
    },
    warnings,
    errors: (state?.warnings ?? []).filter(isEmergency).map(shownWarning).reverse(),
    last_reset: new Date(day.startMs).toISOString(),
    time_since_last_reset: (nowMs - day.startMs) / 1000,
    next_reset: new Date(day.endMs).toISOString(),
    charged_today: perType((type) => {
      if (limits.daily[type] === 0) return null;
      return isToday ? state.charged[type] : 0;
    }),
    live_leases: liveLeases(state, nowMs).length,
    by_cause: isToday ? state.used.byPurpose : {},
    history: historyReport(state, day, days, nowMs),
  };
}

/** Tells since when, and until when, work that can wait finds a daily budget spent; undefined where none is. */
export function spentBudget(
  state: LedgerState | undefined,
  day: QuotaDay,
  limits: QuotaLimits,
): { type: BilledType; sinceMs: number | undefined; untilMs: number } | undefined {
  if (state?.day !== day.id) return undefined;
  const type = billedTypes.find((kind) => isSpent(state, limits, kind));
  return type && { type, sinceMs: state.spentAtMs[type], untilMs: day.endMs };
}

/** A warning in the words of the API. */
export function shownWarning(warning: QuotaWarning) {
  return {
    operation_type: warning.operationType,
    limit_type: warning.limitType,
    current: warning.current,
    limit: warning.limit,
    percentage: percentageOf(warning),
    at: new Date(warning.atMs).toISOString(),
  };
}

function liveLeases(state: LedgerState | undefined, nowMs: number) {
  return (state?.leases ?? []).filter((lease) => isLive(lease, nowMs));
}

/** Operations a second over the last reported minutes: holders report when they renew, nothing finer is known. */
function perSecond(state: LedgerState | undefined, type: BilledType, nowMs: number): number {
  const minutes = recentMinutes(state, nowMs);
  const sinceMs = minutes[0]?.startMs;
  if (sinceMs === undefined) return 0;
  const sum = minutes.reduce((total, { operations }) => total + operations[type], 0);
  return Math.round((sum / Math.max(1, (nowMs - sinceMs) / 1000)) * 10) / 10;
}

function perMinute(state: LedgerState | undefined, type: BilledType, nowMs: number): number {
  return Math.max(0, largest(recentMinutes(state, nowMs).map(({ operations }) => operations[type])));
}

function recentMinutes(state: LedgerState | undefined, nowMs: number) {
  return (state?.used.minutes ?? []).filter(({ startMs }) => startMs > nowMs - 2 * minuteMs);
}

/** `{per_second: {writes: 1}}` as `{writes_per_second: 1}`. */
function named(limits: Record<string, Record<BilledType, number | null>>): Record<string, number | null> {
  return Object.fromEntries(
    Object.entries(limits).flatMap(([span, values]) =>
      billedTypes.map((type) => [`${type}_${span}`, values[type]]),
    ),
  );
}
