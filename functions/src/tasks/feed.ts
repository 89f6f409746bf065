import { append } from '../platform/arrays.ts';
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
import type { ObjectStore } from '../platform/objects.ts';
import { cachedFor, onceAsync } from '../platform/once.ts';
import { unavailable } from '../platform/outage.ts';
import type { Using } from '../platform/services.ts';
import { CompletedTasks } from './completedTasks.ts';
import { taskIdOf, tasksCollection } from './document.ts';
import { allFeedShards } from './limits.ts';
import { type FinalTask, FinalTasks, type OpenTask, openTaskOf } from './minerTasks.ts';
import {
  completedPageSize,
  feedOverlapMs,
  feedPageSize,
  feedReloadMs,
  feedTimeoutMs,
  finalPageSize,
  leastFeedPageSize,
  maxCompletedBytes,
  maxFeedBytes,
  readTimeoutMs,
} from './readLimits.ts';
import { finalStatuses, openStatuses } from './state.ts';

export interface OpenTaskFeedOptions extends Using<'clock' | 'logger'> {
  documents: Pick<DocumentStore, 'query'>;
  objects: Pick<ObjectStore, 'get'>;
  /** READ_CACHE_SECONDS: how long it answers from memory before it asks what changed. */
  readCacheMs: number;
  /** Bytes of open tasks in memory; of those that are over a quarter of it. */
  maxBytes?: number;
  /** Bytes of an answer of completed tasks, which take twice that in memory. */
  maxCompletedBytes?: number;
  /** Documents in one query. */
  pageSize?: number;
}

interface FeedAnswer {
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
  /** Undefined until somebody asks for them. */
  #finals: FinalTasks | undefined;
  #hasFinals = false;
  /** Undefined until somebody asks for them. */
  #completed: CompletedTasks | undefined;
  #filling: Promise<void> | undefined;
  /** Billed reads that no answer has told yet. */
  #untoldReads = 0;
  /** Documents in the next queries: few after one failed, as little CPU takes many large ones late. */
  #pageSize: number;
  /** Asks what changed, unless that was done just now; returns why it failed. Each page's time is limited by itself. */
  readonly #refreshed: () => Promise<unknown>;
  readonly #finalsLoaded = onceAsync(() => this.#loadFinals());

  constructor(options: OpenTaskFeedOptions) {
    this.#options = options;
    this.#pageSize = options.pageSize ?? feedPageSize;
    this.#tasks = this.#noTasks();
    const { clock, readCacheMs } = options;
    this.#refreshed = cachedFor(
      clock,
      Number.POSITIVE_INFINITY,
      () => this.#refresh(),
      () => readCacheMs,
    );
  }

  /**
   * The open tasks, from memory however old while Firestore fails.
   * @throws AppError `unavailable` when nothing was ever loaded.
   */
  async open(): Promise<FeedAnswer> {
    await this.#follow();
    return { tasks: this.#tasks.values(), reads: this.#tellReads() };
  }

  /**
   * The tasks that were over latest, the newest first, as far as memory goes. The first who asks has them read, once
   * for all; then what the open tasks' queries bring keeps them up to date.
   * @throws DocumentError, AppError `unavailable` while Firestore fails and they were never read.
   */
  async finals(): Promise<{ tasks: FinalTask[]; reads: number }> {
    const { clock } = this.#options;
    await this.#follow();
    if (!this.#hasFinals) await within(clock, readTimeoutMs, this.#finalsLoaded(), () => unavailable(clock));
    return { tasks: this.#finals?.newest(clock.now()) ?? [], reads: this.#tellReads() };
  }

  /**
   * The JSON of the tasks that were completed latest, as validators read them: read once for all who ask, then kept up
   * to date as those of {@link finals}.
   * @throws DocumentError, AppError `unavailable` while Firestore fails and they were never read.
   */
  async completed(): Promise<{ json: Buffer; reads: number }> {
    const { clock, objects, logger, maxCompletedBytes: maxAnswerBytes = maxCompletedBytes } = this.#options;
    await this.#follow();
    this.#completed ??= new CompletedTasks({ objects, logger, maxAnswerBytes });
    const completed = this.#completed;
    try {
      await within(clock, readTimeoutMs, this.#fill(completed), () => unavailable(clock));
    } catch (error) {
      if (!completed.isRead) throw error;
    }
    return { json: await completed.answer(clock.now()), reads: this.#tellReads() };
  }

  /** Reads completed tasks as far as there is room for them, once for all who ask together. */
  #fill(completed: CompletedTasks): Promise<void> {
    const older: Parameters<CompletedTasks['fill']>[0] = ({ filters, after, limit }) => {
      const isCompleted: Filter = { field: 'status', op: '==', value: 'completed' };
      const query = { filters: [isCompleted, inFeed, ...filters], orderBy: newestFirst };
      return this.#page({ ...query, limit, after });
    };
    this.#filling ??= completed.fill(older, Math.min(completedPageSize, this.#pageSize)).finally(() => {
      this.#filling = undefined;
    });
    return this.#filling;
  }

  /** Brings memory up to date, as far as Firestore lets it. */
  async #follow(): Promise<void> {
    const { clock } = this.#options;
    const refreshed = this.#refreshed();
    // Who comes late to a query that hangs does not wait as long again.
    const limitMs = this.#changesSinceMs === undefined ? readTimeoutMs : feedTimeoutMs;
    const leftMs = this.#askedAtMs + limitMs - clock.now();
    const failure = await within(clock, leftMs, refreshed, () => unavailable(clock)).catch((late) => late);
    if (this.#changesSinceMs === undefined) throw unavailable(clock, failure);
  }

  #tellReads(): number {
    const reads = this.#untoldReads;
    this.#untoldReads = 0;
    return reads;
  }

  /** Reads the latest of all tasks that are over. */
  async #loadFinals(): Promise<void> {
    this.#finals = new FinalTasks((this.#options.maxBytes ?? maxFeedBytes) / 4);
    for (const document of (await this.#latestFinals(undefined)).documents) this.#finals.put(document);
    this.#hasFinals = true;
  }

  /** Reads the tasks that were over since then; where those are more than a page, older ones are forgotten. */
  async #catchUp(sinceMs: number | undefined): Promise<void> {
    const { documents, isWhole } = await this.#latestFinals(sinceMs);
    if (!isWhole) this.#completed?.clear();
    for (const document of documents) {
      this.#finals?.put(document);
      if (isWhole) this.#completed?.put(document);
    }
    const oldest = documents[0]?.fields?.['written_at'];
    if (!isWhole && oldest instanceof Date) this.#finals?.forgetBefore(oldest.getTime());
  }

  /** The tasks that were over since then, or the latest of them, those written first before the others. */
  async #latestFinals(sinceMs: number | undefined): Promise<{ documents: ReadDocument[]; isWhole: boolean }> {
    const most = Math.min(finalPageSize, this.#options.pageSize ?? finalPageSize);
    const filters: Filter[] = [{ field: 'status', op: 'in', value: finalStatuses }, inFeed];
    if (sinceMs !== undefined) filters.push(writtenSince(sinceMs));
    const documents: ReadDocument[] = [];
    for (let after: string | undefined; ; ) {
      const limit = Math.min(this.#pageSize, most - documents.length);
      const page = await this.#page({ filters, orderBy: newestFirst, limit, after });
      append(documents, page.documents);
      if (page.isLast || documents.length === most)
        return { documents: documents.toReversed(), isWhole: page.isLast };
      after = page.cursor;
    }
  }

  /** Asks for what changed, or for everything. Never rejects, so that a failure is not asked again at once. */
  async #refresh(): Promise<unknown> {
    const { clock, logger } = this.#options;
    const startedAtMs = clock.now();
    this.#askedAtMs = startedAtMs;
    const sinceMs = this.#changesSinceMs;
    const loads = sinceMs === undefined || startedAtMs - this.#loadedAtMs >= feedReloadMs;
    const tasks = loads ? this.#noTasks() : this.#tasks;
    let dropped = 0;
    try {
      const readTimeMs = await this.#all(loads ? openTasks : changedSince(sinceMs), (document) => {
        if (!loads) this.#finals?.put(document);
        this.#completed?.put(document);
        dropped += take(tasks, document);
      });
      // Between two loads without a query for changes some may have become final unseen.
      if (loads && (this.#hasFinals || this.#completed !== undefined)) await this.#catchUp(sinceMs);
      this.#tasks = tasks;
      this.#changesSinceMs = readTimeMs;
      this.#pageSize = Math.min(2 * this.#pageSize, this.#options.pageSize ?? feedPageSize);
      if (loads) this.#loadedAtMs = startedAtMs;
      if (dropped > 0) this.#reportDropped(dropped);
      return undefined;
    } catch (error) {
      logger.warn('The open tasks are not up to date: Firestore failed', { reason: messageOf(error) });
      return error;
    }
  }

  /**
   * Takes every page of a query. Returns the database's time of the first: what changes while they are read is in the
   * next update.
   */
  async #all(query: Query, take: (document: ReadDocument) => void): Promise<number> {
    const limit = this.#pageSize;
    const first = await this.#page({ ...query, limit });
    for (let page = first; ; page = await this.#page({ ...query, limit, after: page.cursor })) {
      page.documents.forEach(take);
      if (page.isLast) return first.readTimeMs;
    }
  }

  async #page(query: Omit<DocumentQuery, 'collection'>): Promise<QueryResult & { isLast: boolean }> {
    const { documents, pageSize = feedPageSize } = this.#options;
    try {
      const page = await documents.query({ ...query, collection: tasksCollection }, 'feed');
      this.#untoldReads += page.billedReads;
      return { ...page, isLast: page.documents.length < query.limit };
    } catch (error) {
      this.#pageSize = Math.max(Math.ceil(this.#pageSize / 4), Math.min(pageSize, leastFeedPageSize));
      throw error;
    }
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

const inFeed: Filter = { field: 'feed_shard', op: 'in', value: allFeedShards };

const newestFirst = [{ field: 'written_at', descending: true }];

const openTasks: Query = {
  filters: [{ field: 'status', op: 'in', value: openStatuses }],
  orderBy: [],
};

function changedSince(ms: number): Query {
  return { filters: [inFeed, writtenSince(ms)], orderBy: [{ field: 'written_at' }] };
}

function writtenSince(ms: number): Filter {
  return { field: 'written_at', op: '>=', value: new Date(ms - feedOverlapMs) };
}
