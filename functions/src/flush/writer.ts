import { append } from '../platform/arrays.ts';
import { type Clock, within } from '../platform/clock.ts';
import { DocumentError, type DocumentVersion } from '../platform/documents.ts';
import { AppError } from '../platform/errors.ts';
import { mapPool } from '../platform/pool.ts';
import type { LeasedDocuments } from '../quota/leasedDocuments.ts';
import type { Prepared } from './chunks.ts';
import { type CommitJob, type CommitResult, unsuccessful } from './commitResult.ts';
import type { DeadLetters } from './deadLetters.ts';
import type { Plan, Snapshot } from './kind.ts';
import {
  maxConflictAttempts,
  planMs,
  plannedLettersAtOnce,
  singleCommitsInFlight,
  snapshotBytes,
} from './limits.ts';
import { SnapshotReader, type SnapshotReaderOptions, type Timed } from './snapshots.ts';

export interface WriterOptions extends SnapshotReaderOptions {
  documents: LeasedDocuments;
  deadLetters: DeadLetters;
  clock: Clock;
}

/**
 * Writes prepared documents. Every write demands the version that it was computed from, so a conflict is seen; then
 * each document of that commit is written by itself.
 */
export class DocumentWriter {
  readonly #options: WriterOptions;
  readonly reader: SnapshotReader;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.reader = new SnapshotReader(options);
  }

  /**
   * Plans the write of a job, and keeps the dead letters that it makes: before anything else is uploaded, as a
   * redelivery repeats all of it. Throws what the kind throws, and AppError `unavailable` past `planMs`.
   */
  async prepare(job: CommitJob, snapshot: Snapshot): Promise<Prepared> {
    const { clock, kind, deadLetters } = this.#options;
    const late = () => new AppError('unavailable', 'Cloud Storage did not answer in time.');
    const planned = async (): Promise<Plan> => {
      const plan = kind.plan(job.path, snapshot, job.events);
      await mapPool(plan.dead ?? [], plannedLettersAtOnce, (letter) => deadLetters.keep(letter));
      if (plan.bytes <= kind.maxBytes) return plan;
      return (await kind.shrink?.(job.path, snapshot, plan)) ?? plan;
    };
    return { job, snapshot, plan: await within(clock, planMs, planned(), late) };
  }

  /** Commits the documents together; where something is in the way, by themselves. */
  async commit(chunk: readonly Prepared[], timed: Timed): Promise<CommitResult[]> {
    try {
      const versions = await this.#write(chunk, timed);
      return chunk.map((item, index) => this.done(item, versions[index]));
    } catch (error) {
      if (!(error instanceof DocumentError))
        return chunk.map(({ job }) => ({ ...job, outcome: 'broken', error }));
      const { present = [], expected = [] } = Object.groupBy(chunk, ({ plan }) =>
        plan.ifAbsent.some((path) => error.present.includes(path)) ? 'present' : 'expected',
      );
      if (present.length > 0 && expected.length > 0) {
        return [...(await this.commit(expected, timed)), ...(await this.#commitSingly(present, timed))];
      }
      if (error.failure === 'conflict' || error.failure === 'invalid') {
        return this.#commitSingly(chunk, timed);
      }
      for (const { job } of chunk) this.#options.cache.delete(job.path);
      return chunk.map(({ job }) => ({ ...job, outcome: 'failed', error }));
    }
  }

  /** The result of a document that has this version now; remembers it. */
  done({ job, snapshot, plan }: Prepared, version: DocumentVersion | undefined): CommitResult {
    const { cache } = this.#options;
    const { after, document, bytes } = plan;
    const hasWritten = plan.writes.length > 0;
    const now = hasWritten ? version : snapshot.version;
    if (document === undefined || now === undefined || now === 'absent') cache.delete(job.path);
    else cache.set(job.path, { state: after, document, version: now }, snapshotBytes(bytes));
    const hasDead = plan.dead !== undefined && plan.dead.length > 0;
    return { ...job, outcome: 'committed', before: snapshot.state, after, hasWritten, hasDead };
  }

  async #commitSingly(items: readonly Prepared[], timed: Timed): Promise<CommitResult[]> {
    const results = await mapPool(items, singleCommitsInFlight, (item) => this.#commitAlone(item, timed));
    return results.flat();
  }

  async #commitAlone(first: Prepared, timed: Timed): Promise<CommitResult[]> {
    const { job } = first;
    let item = first;
    try {
      for (let attempt = 1; ; attempt += 1) {
        try {
          if (item.plan.writes.length === 0) return [this.done(item, undefined)];
          const [version] = await this.#write([item], timed);
          return [this.done(item, version)];
        } catch (error) {
          const isConflict = error instanceof DocumentError && error.failure === 'conflict';
          if (!isConflict || attempt === maxConflictAttempts) throw error;
          item = await this.prepare(job, await this.reader.again(job.path, timed));
        }
      }
    } catch (error) {
      this.#options.cache.delete(job.path);
      const isRefused = error instanceof DocumentError && error.failure === 'invalid';
      return isRefused && job.events.length > 1 ? this.#commitHalves(job, timed) : unsuccessful(job, error);
    }
  }

  /** One of the events cannot be written; the others must be, in as few writes as that takes. */
  async #commitHalves({ path, events }: CommitJob, timed: Timed): Promise<CommitResult[]> {
    const inOrder = events.toSorted((a, b) => (a.stamp < b.stamp ? -1 : 1));
    const middle = Math.ceil(inOrder.length / 2);
    const results: CommitResult[] = [];
    for (const half of [inOrder.slice(0, middle), inOrder.slice(middle)]) {
      const job = { path, events: half };
      try {
        const item = await this.prepare(job, await this.reader.again(path, timed));
        append(results, await this.#commitAlone(item, timed));
      } catch (error) {
        append(results, unsuccessful(job, error));
      }
    }
    return results;
  }

  /** Commits; returns the new version of each document, where the database tells. */
  async #write(chunk: readonly Prepared[], timed: Timed): Promise<(DocumentVersion | undefined)[]> {
    const { documents, kind } = this.#options;
    const { maxBytes } = kind;
    for (const { job, plan } of chunk) {
      if (plan.bytes <= maxBytes) continue;
      const size = `The document ${job.path} would have ${plan.bytes} bytes`;
      throw new DocumentError('invalid', `${size}; at most ${maxBytes} are stored.`);
    }
    const writes = chunk.flatMap(({ plan }) => plan.writes);
    const ifAbsent = chunk.flatMap(({ plan }) => plan.ifAbsent);
    if (ifAbsent.length > 0) {
      await timed(documents.commitIfAbsent(writes, ifAbsent, 'flush'));
      return [];
    }
    const versions = (await timed(documents.commit(writes, 'flush'))).values();
    return chunk.map(({ plan }) => plan.writes.map(() => versions.next().value)[0]);
  }
}
