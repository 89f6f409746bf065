import type { History, HistorySpan } from '../feed/status.ts';
import type { Unknown } from '../ui/format.ts';

/** One hour's figures. */
export interface Hour {
  startMs: number;
  responses: number;
  tasks: number;
  writes: number;
  reads: number;
  deletes: number;
}

export type Figure = Exclude<keyof Hour, 'startMs'>;

const hourMs = 3_600_000;
const shownHours = 24;

/** The latest 24 hours, the one that runs last; an hour of which nothing is reported has zeros. */
export function latestHours(history: Unknown<History>, nowMs: number): Hour[] | undefined {
  if (!history) return undefined;
  const byStart = new Map(history.hours.map((span) => [Date.parse(span.start), span]));
  const currentMs = Math.floor(nowMs / hourMs) * hourMs;
  return Array.from({ length: shownHours }, (_, index) => {
    const startMs = currentMs - (shownHours - 1 - index) * hourMs;
    return hourOf(startMs, byStart.get(startMs));
  });
}

function hourOf(startMs: number, span: HistorySpan | undefined): Hour {
  const { responses = 0, tasks = 0 } = span?.counts ?? {};
  return {
    startMs,
    responses,
    tasks,
    writes: span?.writes ?? 0,
    reads: span?.reads ?? 0,
    deletes: span?.deletes ?? 0,
  };
}

export function sumOf(hours: readonly Hour[], figure: Figure): number {
  return hours.reduce((sum, hour) => sum + hour[figure], 0);
}

/** The hour with the most; undefined where all have none. */
export function busiest(hours: readonly Hour[], figure: Figure): Hour | undefined {
  const most = hours.reduce<Hour | undefined>(
    (best, hour) => (best === undefined || hour[figure] > best[figure] ? hour : best),
    undefined,
  );
  return most === undefined || most[figure] === 0 ? undefined : most;
}

/** An SVG path of bars, `width` by `height`, of which the largest is as high as the picture; a zero has no bar. */
export function barsPath(values: readonly number[], width: number, height: number): string {
  const most = Math.max(...values);
  if (!(most > 0)) return '';
  const step = width / values.length;
  return values
    .map((value, index) => {
      const high = value === 0 ? 0 : Math.max(1, (value / most) * height);
      return high === 0
        ? ''
        : `M${round(index * step)} ${height}v${-round(high)}h${round(step * 0.7)}v${round(high)}z`;
    })
    .join('');
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
