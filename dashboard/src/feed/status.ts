import type { Unknown } from '../ui/format.ts';

export const billedTypes = ['writes', 'reads', 'deletes'] as const;
export type BilledType = (typeof billedTypes)[number];

/** Roles of keys that may read the status. */
export const readers = ['read', 'proxy', 'admin'] as const;
export type Reader = (typeof readers)[number];

/** The role of the key that asked; the least of them where the answer does not say. */
export function roleOf(status: Status | undefined): Reader {
  return readers.find((role) => role === status?.caller?.role) ?? 'read';
}

export interface QuotaWarning {
  operation_type: string;
  limit_type: string;
  current: number;
  limit: number;
  percentage: number;
  /** ISO 8601. */
  at: string;
}

interface Use {
  per_second: number;
  per_minute: number;
  per_day: number;
  total: number;
}

/** Operations, and counts of what was done for them, since `start` (ISO 8601), as instances reported them. */
export interface HistorySpan {
  start: string;
  writes: number;
  reads: number;
  deletes: number;
  counts: {
    responses: number;
    /** Tasks that were created. */
    tasks: number;
    /** Changes of tasks' fields. */
    changes: number;
    /** Operations on other documents. */
    operations: number;
    /** Carriers that the flush worked off. */
    carriers: number;
    /** Polls that reached a function. */
    polls: number;
    files: number;
  };
}

export interface History {
  /** Oldest first, 25 at most; hours in which nothing was reported are missing. */
  hours: HistorySpan[];
  /** Since the quota's day began. */
  today: HistorySpan;
  /** Since the month of the quota's day began. */
  month: HistorySpan;
}

export interface QuotaMonitor {
  current_usage?: Unknown<Record<BilledType, Use>>;
  /** By `writes_per_second` and the like: what Firestore allows; null where no limit is set. */
  quota_limits?: Unknown<Record<string, number | null>>;
  /** The same for what Sluice grants of it. */
  rate_limits?: Unknown<Record<string, number | null>>;
  throttling?: Unknown<{ enabled: boolean; multiplier: number; max_multiplier: number }>;
  /** Newest first. */
  warnings?: Unknown<QuotaWarning[]>;
  errors?: Unknown<QuotaWarning[]>;
  /** Counted against the daily budgets; null where there is none. */
  charged_today?: Unknown<Record<BilledType, number | null>>;
  last_reset?: Unknown<string>;
  next_reset?: Unknown<string>;
  by_cause?: Unknown<Record<string, Record<BilledType, number>>>;
  history?: Unknown<History>;
}

interface Backlog {
  queued_carriers?: Unknown<number>;
  unreadable_carriers?: Unknown<number>;
  oldest_event_age_seconds?: Unknown<number>;
  next_dispatch_at?: Unknown<string>;
  parked_until?: Unknown<string>;
  parked_since?: Unknown<string>;
  parked_reason?: Unknown<string>;
  is_exact?: Unknown<boolean>;
}

/** `GET /v1/status` as this page reads it. */
export interface Status {
  response_aggregator?: Unknown<{
    buffered_tasks?: Unknown<number>;
    buffered_responses?: Unknown<number>;
    tasks_in_buffer?: Unknown<string[]>;
    buffer_timeout?: Unknown<number>;
  }>;
  batch_manager?: Unknown<{ total_buffered_operations?: Unknown<number> }>;
  file_manager?: Unknown<{
    /** Files in Cloud Storage by folder. */
    local_storage?: Unknown<Record<string, { files: number; bytes: number }>>;
    firestore_files?: Unknown<number>;
    total_files?: Unknown<number>;
    total_bytes?: Unknown<number>;
    as_of?: Unknown<string>;
  }>;
  quota_monitor?: Unknown<QuotaMonitor>;
  backlog?: Unknown<Backlog>;
  dead_letters?: Unknown<{ count?: Unknown<number>; is_exact?: Unknown<boolean> }>;
  /** The key that asked. */
  caller?: Unknown<{ role?: Unknown<string> }>;
  project_id?: Unknown<string>;
}
