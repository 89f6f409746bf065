import { nextVisibleMs } from '../flush/limits.ts';
import { ByteCache } from '../platform/byteCache.ts';
import { type Clock, delay, within } from '../platform/clock.ts';
import { DocumentError, type DocumentStore } from '../platform/documents.ts';
import { AppError } from '../platform/errors.ts';
import type { ObjectStore } from '../platform/objects.ts';
import { unavailable } from '../platform/outage.ts';
import { taskPath } from './document.ts';
import { etagOf, presentWholeTask } from './present.ts';
import { absentCacheMs, maxCachedBytes, readTimeoutMs } from './readLimits.ts';
import { isFinalStatus } from './state.ts';

export interface TaskReaderOptions {
  documents: Pick<DocumentStore, 'read'>;
  objects: Pick<ObjectStore, 'get'>;
  clock: Clock;
  /** READ_CACHE_SECONDS: how old an answer may be. */
  readCacheMs: number;
  /** FLUSH_TICK_SECONDS: when waiting is worth a look. */
  tickMs: number;
  maxBytes?: number;
}

/** A task as a caller gets it. */
interface PresentedTask {
  /** The JSON text of {@link presentWholeTask}. */
  text: string;
  etag: string;
  isFinal: boolean;
}

/** A task that was asked for, and the billed reads it cost: none where an earlier or a concurrent reader had paid. */
interface TaskReading {
  task: PresentedTask | undefined;
  reads: number;
}

/** A reading has in it what was written before it began. */
interface Begun<Result> {
  readAtMs: number;
  task: Result;
}

/**
 * Reads single tasks. What one request read serves the others for READ_CACHE_SECONDS, so an answer is at most that old,
 * also of a finished task: a late response can still change its `best_response`.
 */
export class TaskReader {
  readonly #options: TaskReaderOptions;
  readonly #cache: ByteCache<Begun<PresentedTask | undefined>>;
  readonly #pending = new Map<string, Begun<Promise<PresentedTask | undefined>>>();

  constructor(options: TaskReaderOptions) {
    this.#options = options;
    this.#cache = new ByteCache(options.maxBytes ?? maxCachedBytes);
  }

  /** @throws DocumentError, AppError `unavailable` when Firestore, or the bucket with a body, does not answer. */
  async read(taskId: string): Promise<TaskReading> {
    const { clock, readCacheMs } = this.#options;
    return this.#readSince(taskId, clock.now() - readCacheMs + 1);
  }

  /**
   * Reads the task once it is final, or as it is after `timeoutMs`. It looks once at the start and then after each
   * tick, when flushes have written; all who wait for one task share the reads.
   * @throws as {@link TaskReader.read}, if that lasts to the end.
   */
  async waitUntilFinal(taskId: string, timeoutMs: number): Promise<TaskReading> {
    const { clock, readCacheMs, tickMs } = this.#options;
    const endMs = clock.now() + timeoutMs;
    let reads = 0;
    let latest: TaskReading | undefined;
    let sinceMs = clock.now() - readCacheMs + 1;
    for (;;) {
      let failure: unknown;
      try {
        latest = await this.#readSince(taskId, sinceMs);
        reads += latest.reads;
      } catch (error) {
        if (!(error instanceof AppError || error instanceof DocumentError)) throw error;
        failure = error;
      }
      if (latest?.task?.isFinal) return { task: latest.task, reads };
      const lookMs = nextVisibleMs(clock.now(), tickMs);
      await delay(clock, Math.min(lookMs, endMs) - clock.now());
      if (lookMs > endMs) {
        if (latest === undefined) throw failure;
        return { task: latest.task, reads };
      }
      sinceMs = lookMs;
    }
  }

  /** A reading that began at `sinceMs` or later: a cached one, one under way, or a new one. */
  async #readSince(taskId: string, sinceMs: number): Promise<TaskReading> {
    const cached = this.#cache.get(taskId);
    const absentSinceMs = this.#options.clock.now() - absentCacheMs + 1;
    const oldestMs = cached?.task === undefined ? Math.max(sinceMs, absentSinceMs) : sinceMs;
    if (cached !== undefined && cached.readAtMs >= oldestMs) return { task: cached.task, reads: 0 };
    const pending = this.#pending.get(taskId);
    if (pending !== undefined && pending.readAtMs >= sinceMs) return { task: await pending.task, reads: 0 };
    return { task: await this.#start(taskId), reads: 1 };
  }

  async #start(taskId: string): Promise<PresentedTask | undefined> {
    const { clock } = this.#options;
    const readAtMs = clock.now();
    const reading = within(clock, readTimeoutMs, this.#present(taskId), () => unavailable(clock));
    const pending = { readAtMs, task: reading };
    this.#pending.set(taskId, pending);
    try {
      const task = await reading;
      if ((this.#cache.get(taskId)?.readAtMs ?? 0) <= readAtMs) {
        const bytes = entryBytes + taskId.length + Buffer.byteLength(task?.text ?? '');
        this.#cache.set(taskId, { readAtMs, task }, bytes);
      }
      return task;
    } finally {
      if (this.#pending.get(taskId) === pending) this.#pending.delete(taskId);
    }
  }

  async #present(taskId: string): Promise<PresentedTask | undefined> {
    const { documents, objects } = this.#options;
    const [found] = await documents.read([taskPath(taskId)], 'get_task');
    if (found?.fields === undefined) return undefined;
    const task = await presentWholeTask(taskId, found.fields, objects);
    return { text: JSON.stringify(task), etag: etagOf(task), isFinal: isFinalStatus(task['status']) };
  }
}

/** About what an entry of the cache takes beside its text. */
const entryBytes = 300;
