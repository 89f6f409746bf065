import type { QuotaDay } from './day.ts';
import { keptHours } from './limits.ts';
import { noOperations, type Operations, plus } from './operations.ts';
import { noWork, plusWork, type Work } from './work.ts';

/** Billed operations and work that were reported within a time. */
export interface Done {
  operations: Operations;
  work: Work;
}

/** An hour of UTC in which something was reported. */
interface DoneHour extends Done {
  startMs: number;
}

/**
 * Sums of what was reported, each counted at the time of its report. Each part says which time it is of, so that code
 * which does not know them may go on between.
 */
export interface History {
  /** The latest hours in which something was reported, oldest first. */
  hours: DoneHour[];
  /** The work of a {@link QuotaDay}, by its id. */
  day: { id: string; work: Work };
  /** The sums of the quota's days of a month, YYYY-MM. */
  month: Done & { id: string };
  /** The work since the ledger began. */
  total: Work;
}

const hourMs = 3_600_000;

/** A history of which nothing is known yet. */
export function emptyHistory(): History {
  const nothing = { id: '', operations: { ...noOperations }, work: noWork };
  return { hours: [], day: { id: '', work: noWork }, month: nothing, total: noWork };
}

/** Adds what is reported at a time, which may be before the latest: clocks differ. */
export function withDone(history: History, done: Done, nowMs: number, { id: dayId }: QuotaDay): History {
  const monthId = monthOf(dayId);
  const startMs = nowMs - (nowMs % hourMs);
  const same = history.hours.find((hour) => hour.startMs === startMs);
  const hour = { startMs, ...(same === undefined ? done : sumOf(same, done)) };
  const { day, month } = history;
  return {
    hours: latestHours([...history.hours.filter((other) => other !== same), hour], nowMs),
    day: { id: dayId, work: day.id === dayId ? plusWork(day.work, done.work) : done.work },
    month: { id: monthId, ...(month.id === monthId ? sumOf(month, done) : done) },
    total: plusWork(history.total, done.work),
  };
}

/** The hours of this one and the day before it, oldest first: as many as the longest day has. */
export function latestHours(hours: readonly DoneHour[], nowMs: number): DoneHour[] {
  const sinceMs = nowMs - (nowMs % hourMs) - keptHours * hourMs;
  return hours
    .filter(({ startMs }) => startMs > sinceMs)
    .toSorted((a, b) => a.startMs - b.startMs)
    .slice(-keptHours);
}

/** The month of a day, by their ids. */
export function monthOf(dayId: string): string {
  return dayId.slice(0, 'YYYY-MM'.length);
}

function sumOf(a: Done, b: Done): Done {
  return { operations: plus(a.operations, b.operations), work: plusWork(a.work, b.work) };
}
