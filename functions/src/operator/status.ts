import { type Stamp, stampMs } from '../events/stamp.ts';
import type { FileFiguresReader } from '../files/figures.ts';
import { type Clock, within } from '../platform/clock.ts';
import { messageOf } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { ObjectStore } from '../platform/objects.ts';
import { keptFor } from '../platform/once.ts';
import type { QueueControl, QueueStats } from '../platform/queueControl.ts';
import type { OperationMeter } from '../quota/meter.ts';
import type { QuotaReader } from '../quota/reader.ts';
import { deadLettersPrefix, isDeadLetterName } from '../staging/deadLetterName.ts';
import {
  deadLettersCacheMs,
  maxCountedLetters,
  maxNamedTasks,
  statusCacheMs,
  statusTimeoutMs,
} from './limits.ts';
import { pauseEndMs } from './pause.ts';
import { listCarriers, openCarriers, type QueuedEvents } from './queueContents.ts';

export interface StatusOptions {
  /** Figures of files. */
  files: Pick<FileFiguresReader, 'read'>;
  /** The control of the queue `flush`; undefined where there is none (the official emulator). */
  queueControl: QueueControl | undefined;
  objects: Pick<ObjectStore, 'get' | 'list'>;
  clock: Clock;
  logger: Logger;
  meter: OperationMeter;
  quota: Pick<QuotaReader, 'report' | 'spentBudget'>;
  bufferTimeoutMs: number;
  minResponsesToFlush: number;
  operationsBufferSize: number;
  operationsFlushMs: number;
}

type SpentBudget = NonNullable<Awaited<ReturnType<QuotaReader['spentBudget']>>>;

/**
 * Reads what an operator sees. Costs one Cloud Tasks operation and one read, of the ledger; with details the list of the queue on
 * top. What cannot be known, or not now, is null: buffered tasks and responses are inside carriers, so their numbers are
 * known only with details.
 */
export class StatusReader {
  readonly #options: StatusOptions;
  readonly #startedAtMs: number;
  /** The number of dead letters; one list of Cloud Storage a minute at most. */
  readonly #deadLetters: () => Promise<object | undefined>;
  readonly #plain: () => Promise<object>;
  readonly #detailed: () => Promise<object>;

  constructor(options: StatusOptions) {
    this.#options = options;
    const { clock } = options;
    this.#startedAtMs = clock.now();
    this.#deadLetters = keptFor(clock, deadLettersCacheMs, () => this.#known(() => this.#countLetters()));
    this.#plain = keptFor(clock, statusCacheMs, () => this.#make(false));
    this.#detailed = keptFor(clock, statusCacheMs, () => this.#make(true));
  }

  /** At most `statusCacheMs` old. Never rejects. */
  read(hasDetail: boolean): Promise<object> {
    return hasDetail ? this.#detailed() : this.#plain();
  }

  async #make(hasDetail: boolean): Promise<object> {
    const { queueControl: control, objects, quota, bufferTimeoutMs, minResponsesToFlush } = this.#options;
    const [stats, events, report, spent, deadLetters, files] = await Promise.all([
      this.#known(control && (() => control.stats())),
      this.#known(control && hasDetail ? async () => openCarriers(await listCarriers(control)) : undefined),
      this.#known(() => quota.report()),
      this.#known(() => quota.spentBudget()),
      this.#deadLetters(),
      this.#known(() => this.#options.files.read()),
    ]);
    const pausedUntilMs = stats?.isPaused ? await this.#known(() => pauseEndMs(objects)) : undefined;
    return {
      response_aggregator: {
        buffered_tasks: events?.taskIds.size ?? null,
        buffered_responses: events?.responses ?? null,
        tasks_in_buffer: events === undefined ? null : [...events.taskIds].slice(0, maxNamedTasks),
        buffer_timeout: bufferTimeoutMs / 1000,
        min_responses_to_flush: minResponsesToFlush,
      },
      batch_manager: this.#batches(events),
      file_manager: files ?? unknownFiles,
      quota_monitor: this.#quota(report),
      backlog: this.#backlog(stats, events, pausedUntilMs, spent),
      dead_letters: deadLetters ?? { count: null, is_exact: false },
    };
  }

  /** When the flush ran last only its own process knows. */
  #batches(events: QueuedEvents | undefined): object {
    const { operationsBufferSize, operationsFlushMs } = this.#options;
    const { set, update, delete: deleted } = events?.operations ?? {};
    return {
      set: set ?? null,
      update: update ?? null,
      delete: deleted ?? null,
      total_buffered_operations: events ? (set ?? 0) + (update ?? 0) + (deleted ?? 0) : null,
      buffer_size_limit: operationsBufferSize,
      flush_interval: operationsFlushMs / 1000,
      last_flush: null,
      time_since_last_flush: null,
    };
  }

  async #countLetters(): Promise<object> {
    const found = await this.#options.objects.list(deadLettersPrefix, { limit: maxCountedLetters });
    const letters = found.filter(({ name }) => isDeadLetterName(name));
    return { count: letters.length, is_exact: found.length < maxCountedLetters };
  }

  #backlog(
    stats: QueueStats | undefined,
    events: QueuedEvents | undefined,
    pausedUntilMs: number | undefined,
    spent: SpentBudget | undefined,
  ): object {
    const parked = stats?.isPaused
      ? { untilMs: pausedUntilMs, sinceMs: undefined, reason: 'paused' }
      : spent && { ...spent, reason: `daily_${spent.type}` };
    return {
      queued_carriers: stats?.tasks ?? null,
      unreadable_carriers: events?.unreadable ?? null,
      oldest_event_age_seconds: this.#ageSeconds(events?.oldest),
      next_dispatch_at: isoOf(stats?.isPaused ? pausedUntilMs : stats?.nextDueMs),
      parked_until: isoOf(parked?.untilMs),
      parked_since: isoOf(parked?.sinceMs),
      parked_reason: parked?.reason ?? null,
      is_exact: events?.isWhole ?? false,
    };
  }

  /** The ledger's figures, and beside them the operations of the instance that answers, since it started. */
  #quota(report: object | undefined): object {
    return {
      ...(report ?? unknownQuota),
      instance_operations: {
        since: isoOf(this.#startedAtMs),
        by_cause: this.#options.meter.byCause(),
      },
    };
  }

  #ageSeconds(oldest: Stamp | undefined): number | null {
    return oldest === undefined ? null : Math.max(0, this.#options.clock.now() - stampMs(oldest)) / 1000;
  }

  async #known<Value>(ask: (() => Promise<Value>) | undefined): Promise<Value | undefined> {
    if (ask === undefined) return undefined;
    const { clock, logger } = this.#options;
    try {
      return await within(clock, statusTimeoutMs, ask(), () => new Error('No answer in time.'));
    } catch (error) {
      logger.warn('A part of the status is unknown', { reason: messageOf(error) });
      return undefined;
    }
  }
}

function isoOf(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}

const unknownFiles = {
  local_storage: null,
  firestore_files: null,
  total_files: null,
  total_bytes: null,
  as_of: null,
};

const unknownQuota = {
  current_usage: null,
  quota_limits: null,
  rate_limits: null,
  throttling: null,
  warnings: null,
  errors: null,
  last_reset: null,
  time_since_last_reset: null,
};
