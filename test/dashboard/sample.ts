import type { Feed } from '../../dashboard/src/feed/feed.ts';
import type { HistorySpan, Status } from '../../dashboard/src/feed/status.ts';
import { startMs } from '../support/clock.ts';

const iso = (ms: number): string => new Date(ms).toISOString();

/** A span of the history with these answers. */
export function span(start: string, responses: number, more: Partial<HistorySpan> = {}): HistorySpan {
  return {
    start,
    writes: responses / 2,
    reads: responses / 4,
    deletes: 0,
    counts: { responses, tasks: responses / 5, changes: 0, operations: 0, carriers: 1, polls: 0, files: 0 },
    ...more,
  };
}

/** A status where all is well: 1,000 answers today, and nothing waits. */
export function goodStatus(): Status & { backlog: object; dead_letters: object; quota_monitor: object } {
  const use = { per_second: 1, per_minute: 60, per_day: 500, total: 12_345 };
  const today = span(iso(startMs), 1000);
  return {
    response_aggregator: { buffer_timeout: 60 },
    file_manager: { total_files: 0 },
    quota_monitor: {
      current_usage: { writes: use, reads: use, deletes: use },
      throttling: { enabled: false, multiplier: 1, max_multiplier: 10 },
      warnings: [],
      history: { hours: [today], today, month: today },
    },
    backlog: { queued_carriers: 0, oldest_event_age_seconds: null, parked_reason: null },
    dead_letters: { count: 0, is_exact: true },
    caller: { role: 'read' },
  };
}

/** A feed whose latest answer, just read, is this status. */
export function feedOf(status: Status | undefined, more: Partial<Feed> = {}): Feed {
  return { status, readAtMs: startMs, detail: undefined, failure: undefined, ...more };
}
