import * as z from 'zod/mini';
import { count, moment } from '../http/answers.ts';
import type { Schema } from '../http/schema.ts';
import type { QuotaDay, QuotaDays } from './day.ts';
import { type Done, emptyHistory, latestHours, monthOf } from './history.ts';
import type { LedgerState } from './ledgerState.ts';
import { noOperations, type Operations, perType } from './operations.ts';
import { noWork, type Work, type WorkType, workTypes } from './work.ts';

/**
 * The last hours, the quota's day and its month as operators see them: billed operations and work done, at the time of
 * their report; and the work since the ledger began. `state` is undefined while nothing was reported yet.
 */
export function historyReport(
  state: LedgerState | undefined,
  today: QuotaDay,
  days: Pick<QuotaDays, 'monthStartMs'>,
  nowMs: number,
) {
  const { hours, day, month, total } = state?.history ?? emptyHistory();
  const isThisMonth = month.id === monthOf(today.id);
  const used = state?.day === today.id ? state.used.today : noOperations;
  return {
    hours: latestHours(hours, nowMs).map(({ startMs, ...done }) => shown(startMs, done)),
    today: shown(today.startMs, { operations: used, work: day.id === today.id ? day.work : noWork }),
    month: shown(
      days.monthStartMs(today),
      isThisMonth ? month : { operations: { ...noOperations }, work: noWork },
    ),
    total: shownWork(total),
  };
}

/** The answer's schema, for openapi.json. */
export function historyShown(): Schema {
  const span = () =>
    z.object({
      start: moment(),
      ...perType(count),
      counts: z.object(perWork(count)),
    });
  return z.object({ hours: z.array(span()), today: span(), month: span(), total: z.object(perWork(count)) });
}

/** The known kinds of work, each with its number. */
function shownWork(work: Work): Record<WorkType, number> {
  return perWork((type) => work[type] ?? 0);
}

function shown(startMs: number, { operations, work }: Done) {
  return { start: new Date(startMs).toISOString(), ...shownOperations(operations), counts: shownWork(work) };
}

function shownOperations(operations: Operations): Operations {
  return perType((type) => operations[type]);
}

function perWork<Value>(compute: (type: WorkType) => Value): Record<WorkType, Value> {
  return Object.fromEntries(workTypes.map((type) => [type, compute(type)])) as Record<WorkType, Value>;
}
