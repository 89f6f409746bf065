import type { Config } from '../config.ts';
import { type Stamp, stampMs } from '../events/stamp.ts';
import type { FileFigures } from '../files/figures.ts';
import { within } from '../platform/clock.ts';
import { messageOf } from '../platform/errors.ts';
import type { ObjectStore } from '../platform/objects.ts';
import { cachedFor } from '../platform/once.ts';
import type { QueueControl, QueueStats } from '../platform/queueControl.ts';
import type { Using } from '../platform/services.ts';
import type { OperationMeter } from '../quota/meter.ts';
import { billedTypes } from '../quota/operations.ts';
import type { QuotaReader } from '../quota/reader.ts';
import { deadLettersPrefix, isDeadLetterName } from '../staging/deadLetterName.ts';
import * as limits from './limits.ts';
import { pauseEndMs } from './pause.ts';
import { listCarriers, openCarriers, type QueuedEvents } from './queueContents.ts';

export interface StatusOptions extends Using<'clock' | 'logger'> {
  /** Figures of files. */
  files: { read(): Promise<FileFigures> };
  /** The control of the queue `flush`; undefined where there is none (the official emulator). */
  queueControl: QueueControl | undefined;
  objects: Pick<ObjectStore, 'get' | 'list'>;
  meter: OperationMeter;
  quota: Pick<QuotaReader, 'report' | 'spentBudget'>;
  config: Pick<
    Config,
    'bufferTimeoutMs' | 'minResponsesToFlush' | 'operationsBufferSize' | 'operationsFlushMs'
  >;
}

/** Reads the status, at most `statusCacheMs` old. Never rejects. */
type ReadStatus = ReturnType<typeof statusReader>;
export type Status = Awaited<ReturnType<ReadStatus>>;

/**
 * Makes the reader of what an operator sees. It costs one Cloud Tasks operation and one read, of the ledger; with
 * details the list of the queue on top. What cannot be known, or not now, is null: buffered tasks and responses are
 * inside carriers, so their numbers are known only with details.
 */
export function statusReader(options: StatusOptions) {
  const { queueControl: control, objects, quota, clock, logger, meter, config } = options;
  const startedAtMs = clock.now();

  const orUnknown = async <Value>(ask: (() => Promise<Value>) | undefined): Promise<Value | undefined> => {
    if (ask === undefined) return undefined;
    try {
      return await within(clock, limits.statusTimeoutMs, ask(), () => new Error('No answer in time.'));
    } catch (error) {
      logger.warn('A part of the status is unknown', { reason: messageOf(error) });
      return undefined;
    }
  };
  const letters = cachedFor(
    clock,
    limits.noLettersCacheMs,
    () => orUnknown(() => countLetters(objects)),
    (found) => (found?.count === 0 ? limits.noLettersCacheMs : limits.someLettersCacheMs),
  );

  const make = async (hasDetail: boolean) => {
    const [stats, events, report, spent, deadLetters, files] = await Promise.all([
      orUnknown(control && (() => control.stats())),
      orUnknown(control && hasDetail ? async () => openCarriers(await listCarriers(control)) : undefined),
      orUnknown(() => quota.report()),
      orUnknown(() => quota.spentBudget()),
      letters(),
      orUnknown(() => options.files.read()),
    ]);
    const pausedUntilMs = stats?.isPaused ? await orUnknown(() => pauseEndMs(objects)) : undefined;
    return {
      response_aggregator: {
        buffered_tasks: events?.taskIds.size ?? null,
        buffered_responses: events?.responses.size ?? null,
        tasks_in_buffer: events === undefined ? null : [...events.taskIds].slice(0, limits.maxNamedTasks),
        buffer_timeout: config.bufferTimeoutMs / 1000,
        min_responses_to_flush: config.minResponsesToFlush,
      },
      batch_manager: batches(events, config),
      file_manager: files ?? unknownFiles,
      // The ledger's figures, and beside them the operations of the instance that answers.
      quota_monitor: {
        ...(report ?? unknownQuota),
        instance_operations: { since: isoOf(startedAtMs), by_cause: meter.byPurpose() },
      },
      backlog: {
        queued_carriers: stats?.tasks ?? null,
        unreadable_carriers: events?.unreadable ?? null,
        oldest_event_age_seconds: ageSeconds(events?.oldest, clock.now()),
        next_dispatch_at: isoOf(stats?.isPaused ? pausedUntilMs : stats?.nextDueMs),
        ...parked(stats, pausedUntilMs, spent),
        is_exact: events?.isWhole ?? false,
      },
      dead_letters: deadLetters ?? { count: null, is_exact: false },
    };
  };
  const plain = cachedFor(clock, limits.statusCacheMs, () => make(false));
  const detailed = cachedFor(clock, limits.statusCacheMs, () => make(true));
  return (hasDetail: boolean) => (hasDetail ? detailed() : plain());
}

/** One list of Cloud Storage. */
async function countLetters(objects: Pick<ObjectStore, 'list'>) {
  const found = await objects.list(deadLettersPrefix, { limit: limits.maxCountedLetters });
  const letters = found.filter(({ name }) => isDeadLetterName(name));
  return { count: letters.length, is_exact: found.length < limits.maxCountedLetters };
}

/** The time of the last flush is null: only the flush's own process knows it. */
function batches(events: QueuedEvents | undefined, config: StatusOptions['config']) {
  const { set, update, delete: deleted } = events?.operations ?? {};
  return {
    ...{ set: set?.size ?? null, update: update?.size ?? null, delete: deleted?.size ?? null },
    total_buffered_operations: set && update && deleted ? set.size + update.size + deleted.size : null,
    buffer_size_limit: config.operationsBufferSize,
    flush_interval: config.operationsFlushMs / 1000,
    ...nulls('last_flush', 'time_since_last_flush'),
  };
}

/** Reasons for which the queue waits: somebody paused it, or a daily budget is spent. */
export const parkedReasons = ['paused', ...billedTypes.map((type) => `daily_${type}` as const)] as const;

/** Tells until when the queue waits, since when, and why. */
function parked(
  stats: QueueStats | undefined,
  pausedUntilMs: number | undefined,
  spent: Awaited<ReturnType<QuotaReader['spentBudget']>>,
) {
  const wait = stats?.isPaused
    ? { untilMs: pausedUntilMs, sinceMs: undefined, reason: 'paused' as const }
    : spent && { ...spent, reason: `daily_${spent.type}` as const };
  return {
    parked_until: isoOf(wait?.untilMs),
    parked_since: isoOf(wait?.sinceMs),
    parked_reason: wait?.reason ?? null,
  };
}

function ageSeconds(oldest: Stamp | undefined, nowMs: number): number | null {
  return oldest === undefined ? null : Math.max(0, nowMs - stampMs(oldest)) / 1000;
}

function isoOf(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}

function nulls<Name extends string>(...names: Name[]): Record<Name, null> {
  return Object.fromEntries(names.map((name) => [name, null])) as Record<Name, null>;
}

const unknownFiles = nulls('local_storage', 'firestore_files', 'total_files', 'total_bytes', 'as_of');
const unknownQuota = nulls(
  ...(['current_usage', 'quota_limits', 'rate_limits', 'throttling', 'warnings', 'errors'] as const),
  ...(['last_reset', 'time_since_last_reset', 'history'] as const),
);
