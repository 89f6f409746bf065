import type { ResponseReceived, TaskEvent } from '../events/event.ts';
import type { Clock } from '../platform/clock.ts';
import {
  DocumentError,
  type DocumentFailure,
  type DocumentStore,
  type DocumentVersion,
  type DocumentWrite,
  type Fields,
} from '../platform/documents.ts';
import { documentBytes } from '../platform/values.ts';
import { within } from '../platform/within.ts';
import { documentChanges, taskDocument, taskPath, taskState } from '../tasks/document.ts';
import { maxTaskDocumentBytes } from '../tasks/limits.ts';
import { reduceTask } from '../tasks/reducer.ts';
import { emptyTask, type TaskState, taskExists } from '../tasks/state.ts';
import {
  commitDeadlineMs,
  commitsInFlight,
  maxCommitBytes,
  maxCommitDocuments,
  maxConflictAttempts,
  singleCommitsInFlight,
} from './limits.ts';
import { mapPool } from './pool.ts';
import type { KnownTask, TaskCache } from './taskCache.ts';

/** A task whose events are to be written. */
export interface CommitJob {
  taskId: string;
  events: TaskEvent[];
}

export type CommitResult = CommitJob &
  (
    | {
        outcome: 'committed';
        before: TaskState;
        after: TaskState;
        hasWritten: boolean;
      }
    /** Not known to be written; the events must be kept. */
    | { outcome: 'failed'; failure: DocumentFailure }
    /** Something nobody foresaw; the delivery must fail, so that its retries are counted. */
    | { outcome: 'broken'; error: unknown }
    /** Firestore will never take this event; it is the job's only one. */
    | { outcome: 'refused'; detail: string }
  );

export interface CommitterOptions {
  documents: DocumentStore;
  cache: TaskCache;
  clock: Clock;
  taskTimeoutMs: number;
  retentionMs: number;
  /** Moves bodies out of a state whose document would be too large. */
  shrink(state: TaskState): Promise<TaskState>;
  /** Keeps responses as dead letters that a task has no place for: before the commit that may take one out of it. */
  keepOverflow(overflow: readonly ResponseReceived[]): Promise<void>;
}

interface Prepared {
  job: CommitJob;
  known: KnownTask;
  after: TaskState;
  document: Fields;
  bytes: number;
  write: DocumentWrite | undefined;
}

/**
 * Writes tasks: at most one write each, none where nothing changes, many in one commit. Every write demands the version
 * that it was computed from, so a conflict is seen; then each document of that commit is written by itself.
 */
export class TaskCommitter {
  readonly #options: CommitterOptions;

  constructor(options: CommitterOptions) {
    this.#options = options;
  }

  /** A result for each job, in any order; a job with an event that Firestore refuses comes back as several, one an event. */
  async commit(jobs: readonly CommitJob[]): Promise<CommitResult[]> {
    const deadlineMs = this.#options.clock.now() + commitDeadlineMs;
    const bases = await this.#bases(jobs, deadlineMs);
    if (bases instanceof DocumentError)
      return jobs.map((job) => ({ ...job, outcome: 'failed', failure: bases.failure }));
    const prepared: Prepared[] = [];
    const results: CommitResult[] = [];
    for (const [index, job] of jobs.entries()) {
      try {
        const item = await this.#prepare(job, bases[index] ?? absent(job.taskId));
        if (item.write === undefined) results.push(this.#done(item, undefined));
        else prepared.push(item);
      } catch (error) {
        results.push({ ...job, outcome: 'broken', error });
      }
    }
    const written = await mapPool(chunksOf(prepared), commitsInFlight, (chunk) =>
      this.#commitChunk(chunk, deadlineMs),
    );
    return [...results, ...written.flat()];
  }

  /** What each job builds on: what is known, absence where a creation is in hand, else what the database says. */
  async #bases(jobs: readonly CommitJob[], deadlineMs: number): Promise<KnownTask[] | DocumentError> {
    const { cache } = this.#options;
    const known = jobs.map(({ taskId, events }) => {
      const isNew = events.some(({ kind }) => kind === 'created');
      return cache.get(taskId) ?? (isNew ? absent(taskId) : undefined);
    });
    const unknown = jobs.filter((_, index) => known[index] === undefined).map(({ taskId }) => taskId);
    try {
      const read = await mapPool(slices(unknown, maxCommitDocuments), commitsInFlight, (ids) =>
        this.#read(ids, deadlineMs),
      );
      const found = read.flat().values();
      return known.map((task, index) => task ?? found.next().value ?? absent(jobs[index]?.taskId ?? ''));
    } catch (error) {
      if (error instanceof DocumentError) return error;
      throw error;
    }
  }

  async #read(taskIds: readonly string[], deadlineMs: number): Promise<KnownTask[]> {
    const { documents, taskTimeoutMs } = this.#options;
    const found = await this.#timed(deadlineMs, documents.read(taskIds.map(taskPath), 'flush'));
    return taskIds.map((taskId, index) => {
      const { fields, version } = found[index] ?? {};
      if (fields === undefined || version === undefined) return absent(taskId);
      const state = taskState(taskId, fields, taskTimeoutMs);
      return { state, document: fields, version };
    });
  }

  async #prepare(job: CommitJob, known: KnownTask): Promise<Prepared> {
    const { taskTimeoutMs, retentionMs, shrink, keepOverflow } = this.#options;
    const { state, overflow } = reduceTask(known.state, job.events, taskTimeoutMs);
    if (!taskExists(state)) {
      return { job, known, after: state, document: {}, bytes: 0, write: undefined };
    }
    await keepOverflow(overflow);
    const path = taskPath(job.taskId);
    let after = state;
    let document = taskDocument(after, { retentionMs });
    let bytes = documentBytes(path, document);
    if (bytes > maxTaskDocumentBytes) {
      after = await shrink(state);
      document = taskDocument(after, { retentionMs });
      bytes = documentBytes(path, document);
    }
    const changes = documentChanges(known.document ?? {}, document);
    const write = changes.length === 0 ? undefined : { path, ifVersion: known.version, changes };
    return { job, known, after, document, bytes, write };
  }

  async #commitChunk(chunk: readonly Prepared[], deadlineMs: number): Promise<CommitResult[]> {
    try {
      const versions = await this.#write(chunk, deadlineMs);
      return chunk.map((item, index) => this.#done(item, versions[index]));
    } catch (error) {
      if (!(error instanceof DocumentError))
        return chunk.map(({ job }) => ({ ...job, outcome: 'broken', error }));
      if (error.failure === 'conflict' || error.failure === 'invalid') {
        const single = await mapPool(chunk, singleCommitsInFlight, (item) =>
          this.#commitAlone(item, deadlineMs),
        );
        return single.flat();
      }
      for (const { job } of chunk) this.#options.cache.delete(job.taskId);
      return chunk.map(({ job }) => ({ ...job, outcome: 'failed', failure: error.failure }));
    }
  }

  async #commitAlone(first: Prepared, deadlineMs: number): Promise<CommitResult[]> {
    const { job } = first;
    let item = first;
    try {
      for (let attempt = 1; attempt <= maxConflictAttempts; attempt += 1) {
        try {
          if (item.write === undefined) return [this.#done(item, undefined)];
          const [version] = await this.#write([item], deadlineMs);
          return [this.#done(item, version)];
        } catch (error) {
          if (!(error instanceof DocumentError) || error.failure !== 'conflict') throw error;
          const [fresh] = await this.#read([job.taskId], deadlineMs);
          item = await this.#prepare(job, fresh ?? absent(job.taskId));
        }
      }
      return [{ ...job, outcome: 'failed', failure: 'conflict' }];
    } catch (error) {
      this.#options.cache.delete(job.taskId);
      if (!(error instanceof DocumentError)) return [{ ...job, outcome: 'broken', error }];
      if (error.failure !== 'invalid') return [{ ...job, outcome: 'failed', failure: error.failure }];
      if (job.events.length === 1) return [{ ...job, outcome: 'refused', detail: error.message }];
      return this.#commitEventByEvent(job, deadlineMs);
    }
  }

  /** One of the events cannot be written; the others must be. */
  async #commitEventByEvent(job: CommitJob, deadlineMs: number): Promise<CommitResult[]> {
    const results: CommitResult[] = [];
    const inOrder = job.events.toSorted((a, b) => (a.stamp < b.stamp ? -1 : 1));
    for (const event of inOrder) {
      results.push(...(await this.#commitEvent({ taskId: job.taskId, events: [event] }, deadlineMs)));
    }
    return results;
  }

  async #commitEvent(job: CommitJob, deadlineMs: number): Promise<CommitResult[]> {
    try {
      const [known] = await this.#read([job.taskId], deadlineMs);
      return await this.#commitAlone(await this.#prepare(job, known ?? absent(job.taskId)), deadlineMs);
    } catch (error) {
      return [
        error instanceof DocumentError
          ? { ...job, outcome: 'failed', failure: error.failure }
          : { ...job, outcome: 'broken', error },
      ];
    }
  }

  async #write(chunk: readonly Prepared[], deadlineMs: number): Promise<DocumentVersion[]> {
    const tooLarge = chunk.find(({ bytes }) => bytes > maxTaskDocumentBytes);
    if (tooLarge !== undefined) {
      throw new DocumentError(
        'invalid',
        `The task's document would have ${tooLarge.bytes} bytes; at most ${maxTaskDocumentBytes} are stored.`,
      );
    }
    const writes = chunk.flatMap(({ write }) => write ?? []);
    return this.#timed(deadlineMs, this.#options.documents.commit(writes, 'flush'));
  }

  #done(item: Prepared, version: DocumentVersion | undefined): CommitResult {
    const { job, known, after, document, bytes, write } = item;
    const now = version ?? known.version;
    if (now !== 'absent')
      this.#options.cache.set(job.taskId, { state: after, document, version: now }, bytes);
    return {
      ...job,
      outcome: 'committed',
      before: known.state,
      after,
      hasWritten: write !== undefined,
    };
  }

  /** The result, unless the deadline comes first; then nobody knows whether it was done. */
  #timed<Result>(deadlineMs: number, work: Promise<Result>): Promise<Result> {
    const { clock } = this.#options;
    const late = () => new DocumentError('unavailable', 'Firestore did not answer in time.');
    return within(clock, deadlineMs - clock.now(), work, late);
  }
}

function absent(taskId: string): KnownTask {
  return { state: emptyTask(taskId), document: undefined, version: 'absent' };
}

function slices<Item>(items: readonly Item[], size: number): Item[][] {
  const parts: Item[][] = [];
  for (let start = 0; start < items.length; start += size) parts.push(items.slice(start, start + size));
  return parts;
}

function chunksOf(items: readonly Prepared[]): Prepared[][] {
  const chunks: Prepared[][] = [];
  let chunk: Prepared[] = [];
  let bytes = 0;
  for (const item of items) {
    if (chunk.length > 0 && (chunk.length >= maxCommitDocuments || bytes + item.bytes > maxCommitBytes)) {
      chunks.push(chunk);
      chunk = [];
      bytes = 0;
    }
    chunk.push(item);
    bytes += item.bytes;
  }
  if (chunk.length > 0) chunks.push(chunk);
  return chunks;
}
