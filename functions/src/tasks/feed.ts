import { ByteCache } from '../platform/byteCache.ts';
import { within } from '../platform/clock.ts';
import type {
  DocumentQuery,
  DocumentStore,
  Filter,
  QueryResult,
  ReadDocument,
} from '../platform/documents.ts';
import { messageOf } from '../platform/errors.ts';
import { unavailable } from '../platform/outage.ts';
import type { Using } from '../platform/services.ts';
import { taskIdOf, tasksCollection } from './document.ts';
import { allFeedShards } from './limits.ts';
import { type FinalTask, FinalTasks, type OpenTask, openTaskOf } from './minerTasks.ts';
import {
  feedOverlapMs,
  feedPageSize,
  feedReloadMs,
  feedTimeoutMs,
  finalPageSize,
  maxFeedBytes,
  maxFinalBytes,
  readTimeoutMs,
} from './readLimits.ts';
import { finalStatuses, openStatuses } from './state.ts';

export interface OpenTaskFeedOptions extends Using<'clock' | 'logger'> {
  documents: Pick<DocumentStore, 'query'>;
  /** READ_CACHE_SECONDS: how long it answers from memory before it asks what changed. */
  readCacheMs: number;
  maxBytes?: number;
  /** Documents in one query. */
  pageSize?: number;
}

export interface FeedAnswer {
  tasks: Iterable<OpenTask>;
  /** Billed reads of this call; none where memory or a concurrent call served it. */
  reads: number;
}

type Query = Pick<DocumentQuery, 'filters' | 'orderBy'>;

/**
 * The open tasks, in memory, kept up to date only while somebody asks: at most one query for what changed in
 * READ_CACHE_SECONDS, for all who ask together. Each write is read by at most two of those queries (they overlap by
 * `feedOverlapMs`, because server times are not in the order of commits) and bills a read each time.
 */
export class OpenTaskFeed {
  readonly #options: OpenTaskFeedOptions;
  #tasks: ByteCache<OpenTask>;
  /** The database's time that memory is true for; undefined before the first load. */
  #changesSinceMs: number | undefined;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #loadedAtMs = Number.NEGATIVE_INFINITY;
  #refreshing: Promise<number> | undefined;
  /** Undefined until somebody asks for them. */
  #finals: FinalTasks | undefined;
  #hasFinals = false;
  #loadingFinals: Promise<number> | undefined;

  constructor(options: OpenTaskFeedOptions) {
    this.#options = options;
    this.#tasks = this.#noTasks();
  }

  /**
   * The open tasks, from memory however old while Firestore fails.
   * @throws AppError `unavailable` when nothing was ever loaded.
   */
  async open(): Promise<FeedAnswer> {
    const { clock, readCacheMs, logger } = this.#options;
    let reads = 0;
    if (this.#refreshing !== undefined || clock.now() - this.#askedAtMs >= readCacheMs) {
      const isFirst = this.#refreshing === undefined;
      this.#refreshing ??= this.#refresh();
      try {
        // Who comes late to a query that hangs does not wait as long again.
        const limitMs = this.#changesSinceMs === undefined ? readTimeoutMs : feedTimeoutMs;
        const leftMs = this.#askedAtMs + limitMs - clock.now();
        const billed = await within(clock, leftMs, this.#refreshing, () => unavailable(clock));
        if (isFirst) reads = billed;
      } catch (error) {
        if (isFirst)
          logger.warn('The open tasks are not up to date: Firestore failed', { reason: messageOf(error) });
        if (this.#changesSinceMs === undefined) throw unavailable(clock, error);
      }
    }
    if (this.#changesSinceMs === undefined) throw unavailable(clock);
    return { tasks: this.#tasks.values(), reads };
  }

  /**
   * The tasks that were over latest, the newest first, as far as memory goes. The first who asks has them read, once
   * for all; then what the open tasks' queries bring keeps them up to date.
   * @throws DocumentError, AppError `unavailable` while Firestore fails and they were never read.
   */
  async finals(): Promise<{ tasks: FinalTask[]; reads: number }> {
    const { clock } = this.#options;
    const { reads } = await this.open();
    let billed = 0;
    if (!this.#hasFinals) {
      const isFirst = this.#loadingFinals === undefined;
      this.#finals ??= new FinalTasks(maxFinalBytes);
      this.#loadingFinals ??= this.#loadFinals(this.#finals, undefined).finally(() => {
        this.#loadingFinals = undefined;
      });
      const found = await within(clock, readTimeoutMs, this.#loadingFinals, () => unavailable(clock));
      if (isFirst) billed = found;
    }
    return { tasks: this.#finals?.newest(clock.now()) ?? [], reads: reads + billed };
  }

  /**
   * Reads those that were over since then, or the latest of all. Where there are more than that,
   * older ones are forgotten.
   */
  async #loadFinals(finals: FinalTasks, sinceMs: number | undefined): Promise<number> {
    const page = await this.#options.documents.query(
      {
        collection: tasksCollection,
        filters: [
          { field: 'status', op: 'in', value: finalStatuses },
          { field: 'feed_shard', op: 'in', value: allFeedShards },
          ...(sinceMs === undefined ? [] : [writtenSince(sinceMs)]),
        ],
        orderBy: [{ field: 'written_at', descending: true }],
        limit: finalPageSize,
      },
      'feed',
    );
    for (const document of page.documents.toReversed()) finals.put(document);
    const oldest = page.documents.at(-1)?.fields?.['written_at'];
    if (page.documents.length === finalPageSize && oldest instanceof Date)
      finals.forgetBefore(oldest.getTime());
    this.#hasFinals = true;
    return page.billedReads;
  }

  /** Asks for what changed, or for everything. Returns the billed reads; a failure is not asked again at once. */
  async #refresh(): Promise<number> {
    const startedAtMs = this.#options.clock.now();
    this.#askedAtMs = startedAtMs;
    const sinceMs = this.#changesSinceMs;
    const loads = sinceMs === undefined || startedAtMs - this.#loadedAtMs >= feedReloadMs;
    const tasks = loads ? this.#noTasks() : this.#tasks;
    let dropped = 0;
    try {
      const { readTimeMs, billedReads } = await this.#all(
        loads ? openTasks : changedSince(sinceMs),
        (document) => {
          if (!loads) this.#finals?.put(document);
          dropped += take(tasks, document);
        },
      );
      // Between two loads without a query for changes some may have become final unseen.
      const finals = loads && this.#hasFinals ? this.#finals : undefined;
      const finalReads = finals === undefined ? 0 : await this.#loadFinals(finals, sinceMs);
      this.#tasks = tasks;
      this.#changesSinceMs = readTimeMs;
      if (loads) this.#loadedAtMs = startedAtMs;
      if (dropped > 0) this.#reportDropped(dropped);
      return billedReads + finalReads;
    } finally {
      this.#refreshing = undefined;
    }
  }

  /** Every page of a query. What changes while they are read is in the next update: it starts where the first began. */
  async #all(
    query: Query,
    take: (document: ReadDocument) => void,
  ): Promise<{ readTimeMs: number; billedReads: number }> {
    let readTimeMs: number | undefined;
    let billedReads = 0;
    const { documents, pageSize = feedPageSize } = this.#options;
    let page: QueryResult | undefined;
    do {
      page = await documents.query(
        { ...query, collection: tasksCollection, limit: pageSize, after: page?.cursor },
        'feed',
      );
      readTimeMs ??= page.readTimeMs;
      billedReads += page.billedReads;
      page.documents.forEach(take);
    } while (page.documents.length === pageSize);
    return { readTimeMs, billedReads };
  }

  #noTasks(): ByteCache<OpenTask> {
    return new ByteCache(this.#options.maxBytes ?? maxFeedBytes);
  }

  #reportDropped(dropped: number): void {
    this.#options.logger.error('More open tasks than memory is meant for; miners do not see all of them', {
      tasks: this.#tasks.values().length + dropped,
      dropped,
    });
  }
}

/** Puts a document in the place of what was known of its task; returns how many tasks had to go for it. */
function take(tasks: ByteCache<OpenTask>, document: ReadDocument): number {
  const taskId = taskIdOf(document);
  const task = openTaskOf(taskId, document.fields ?? {});
  if (task !== undefined) return tasks.set(taskId, task, task.bytes);
  tasks.delete(taskId);
  return 0;
}

const openTasks: Query = {
  filters: [{ field: 'status', op: 'in', value: openStatuses }],
  orderBy: [],
};

function changedSince(ms: number): Query {
  const inFeed: Filter = { field: 'feed_shard', op: 'in', value: allFeedShards };
  return { filters: [inFeed, writtenSince(ms)], orderBy: [{ field: 'written_at' }] };
}

function writtenSince(ms: number): Filter {
  return { field: 'written_at', op: '>=', value: new Date(ms - feedOverlapMs) };
}
