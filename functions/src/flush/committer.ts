import type { Event } from '../events/event.ts';
import { append, smallest } from '../platform/arrays.ts';
import type { Clock } from '../platform/clock.ts';
import { DocumentError, type DocumentVersion } from '../platform/documents.ts';
import { AppError } from '../platform/errors.ts';
import { mapPool } from '../platform/pool.ts';
import { within } from '../platform/within.ts';
import type { LeasedDocuments } from '../quota/leasedDocuments.ts';
import type { OperationType } from '../quota/operations.ts';
import { apart, isOwnFault } from './apart.ts';
import { type Base, BaseReader, type BaseReaderOptions, type Timed } from './bases.ts';
import { type CommitJob, type Prepared, queuesOf, takeChunk } from './chunks.ts';
import {
  type CommitResult,
  endIn,
  failed,
  failureIn,
  outageOf,
  outOfTime,
  unsuccessful,
} from './commitResult.ts';
import type { Known } from './kind.ts';
import {
  commitsInFlight,
  fewFirstReads,
  maxCommitDocuments,
  maxConflictAttempts,
  maxOutagesInRow,
  maxRoundDocuments,
  planMs,
  quotaMarginMs,
  readsPerWrite,
  settlingAtOnce,
  singleCommitsInFlight,
  usualFirstReads,
} from './limits.ts';

export interface CommitterOptions<E extends Event, State> extends BaseReaderOptions<E, State> {
  documents: LeasedDocuments;
  clock: Clock;
}

/**
 * Writes documents of one kind: at most one write each, none where nothing changes, many in one commit. Every write
 * demands the version that it was computed from, so a conflict is seen; then each document of that commit is written by
 * itself.
 */
export class Committer<E extends Event, State> {
  readonly #options: CommitterOptions<E, State>;
  readonly #reader: BaseReader<E, State>;
  #firstReads = usualFirstReads;
  /** Documents in one commit: fewer after each outage, as one of them may be why, and more again after each success. */
  #mostTogether = maxCommitDocuments;

  constructor(options: CommitterOptions<E, State>) {
    this.#options = options;
    this.#reader = new BaseReader(options);
  }

  /** What this instance last wrote or read of a document, if it remembers. */
  lastKnown(path: string): State | undefined {
    return this.#options.cache.get(path)?.state;
  }

  /**
   * A result for each job, in any order; a job with an event that Firestore refuses comes back as several. What is not done
   * by `deadlineMs` has failed. They come in rounds: of no more documents than memory holds is it known what becomes of them.
   */
  async *commit(
    jobs: readonly CommitJob<E>[],
    deadlineMs: number,
  ): AsyncGenerator<CommitResult<E, State>[], void> {
    const { possible, results } = await this.#withoutHeldDeletions(jobs);
    if (results.length > 0) yield results;
    let rest = this.#reader.knownFirst(possible);
    // What is read is written before more is: a backlog that is larger than the day's reads gets on all the same.
    for (let most = this.#firstReads; rest.length > 0; most *= 2) {
      const bases = await this.#bases(rest.slice(0, maxRoundDocuments), most, deadlineMs);
      if (bases instanceof DocumentError) {
        yield failed(rest, bases);
        return;
      }
      const round = await this.#commitOn(bases, rest.slice(0, bases.length), deadlineMs);
      rest = rest.slice(bases.length);
      const error = endIn(round);
      if (error?.short === 'reads') this.#firstReads = fewFirstReads;
      yield round;
      if (error !== undefined) {
        yield failed(rest, error);
        return;
      }
    }
    this.#firstReads = usualFirstReads;
  }

  /** Where nothing can be deleted now, what would be is not read for it. */
  async #withoutHeldDeletions(
    jobs: readonly CommitJob<E>[],
  ): Promise<{ possible: readonly CommitJob<E>[]; results: CommitResult<E, State>[] }> {
    const { kind } = this.#options;
    const deletions = new Set(jobs.filter(({ events }) => kind.isDeletion?.(events)));
    if (deletions.size === 0) return { possible: jobs, results: [] };
    const size = await this.#commitSize(deletions.size, 'deletes');
    if (typeof size === 'number') return { possible: jobs, results: [] };
    return {
      possible: jobs.filter((job) => !deletions.has(job)),
      results: failed([...deletions], size),
    };
  }

  /** Of as many of the jobs as memory has room for, at most so many of them read, nor more than are soon written. */
  async #bases(
    jobs: readonly CommitJob<E>[],
    most: number,
    deadlineMs: number,
  ): Promise<Base<State>[] | DocumentError> {
    // Without time or a lease for writes, reading what they build on would be for nothing.
    const nowMs = this.#options.clock.now();
    if (deadlineMs - nowMs < quotaMarginMs) return outOfTime(nowMs);
    const size = await this.#commitSize(jobs.length);
    if (size instanceof DocumentError) return size;
    try {
      return await this.#reader.first(jobs, Math.min(most, size * readsPerWrite), this.#timed(deadlineMs));
    } catch (error) {
      if (error instanceof DocumentError) return error;
      throw error;
    }
  }

  async #commitOn(
    bases: readonly Base<State>[],
    jobs: readonly CommitJob<E>[],
    deadlineMs: number,
  ): Promise<CommitResult<E, State>[]> {
    const prepared: Prepared<E, State>[] = [];
    const results: CommitResult<E, State>[] = [];
    // At once, so that one whose bodies hang on their way to Cloud Storage does not hold up the others.
    await mapPool([...jobs.entries()], settlingAtOnce, async ([index, job]) => {
      const base = bases[index];
      if (base === undefined) return;
      const { item, others } = await this.#prepareSound(job, base);
      append(results, others);
      if (item?.plan.writes.length === 0) results.push(this.#done(item, undefined));
      else if (item !== undefined) prepared.push(item);
    });
    append(results, await this.#commitAll(prepared, deadlineMs));
    return results;
  }

  /** An event that our own code breaks on stands alone, so that the document's others are written at once. */
  async #prepareSound(
    job: CommitJob<E>,
    base: Base<State>,
  ): Promise<{ item?: Prepared<E, State>; others: CommitResult<E, State>[] }> {
    let known: Known<State> | undefined;
    try {
      known = base();
      return { item: await this.#prepare(job, known), others: [] };
    } catch (error) {
      if (known === undefined || !isOwnFault(error)) return { others: unsuccessful(job, error) };
      return this.#prepareApart(job, known);
    }
  }

  async #prepareApart(
    { path, events }: CommitJob<E>,
    known: Known<State>,
  ): Promise<{ item?: Prepared<E, State>; others: CommitResult<E, State>[] }> {
    const others: CommitResult<E, State>[] = [];
    try {
      const { sound, bad, rest } = await apart(events, (part) =>
        this.#prepare({ path, events: part }, known),
      );
      for (const [event, error] of bad) others.push({ path, events: [event], outcome: 'broken', error });
      const later = new DocumentError('conflict', 'Too many events of this document break at once.');
      if (rest.length > 0) others.push({ path, events: rest, outcome: 'failed', error: later });
      return sound.length === 0
        ? { others }
        : { item: await this.#prepare({ path, events: sound }, known), others };
    } catch (error) {
      const told = new Set(others.flatMap((result) => result.events));
      const untold = events.filter((event) => !told.has(event));
      return { others: [...others, ...unsuccessful<E, State>({ path, events: untold }, error)] };
    }
  }

  /** Several commits at once, each as large as the quota allows at its time; once that ends, the rest is kept. */
  async #commitAll(
    prepared: readonly Prepared<E, State>[],
    deadlineMs: number,
  ): Promise<CommitResult<E, State>[]> {
    const { clock } = this.#options;
    const queues = queuesOf(prepared);
    const results: CommitResult<E, State>[] = [];
    const endings: Partial<Record<OperationType, DocumentError>> = {};
    const end = (error: DocumentError): void => {
      endings[error.short ?? 'writes'] ??= error;
    };
    let outagesInRow = 0;
    const work = async (): Promise<void> => {
      for (;;) {
        const queue = queues.find(({ items }) => items.length > 0);
        if (queue === undefined) return;
        const waiting = queues.reduce((sum, { items }) => sum + items.length, 0);
        const sizes = [await this.#commitSize(waiting)];
        if (queue.needs.includes('deletes'))
          sizes.push(await this.#commitSize(queue.items.length, 'deletes'));
        for (const size of sizes) if (size instanceof DocumentError) end(size);
        const limits = sizes.map((size) => (size instanceof DocumentError ? maxCommitDocuments : size));
        if (deadlineMs - clock.now() < quotaMarginMs) end(outOfTime(clock.now()));
        const ending = queue.needs.map((type) => endings[type]).find((each) => each !== undefined);
        if (ending !== undefined) {
          const left = queue.items.splice(0).map(({ job }) => job);
          append(results, failed<E, State>(left, ending));
          continue;
        }
        const chunk = takeChunk(queue.items, Math.min(this.#mostTogether, smallest(limits)));
        // The others have taken the rest meanwhile.
        if (chunk.length === 0) continue;
        const done = await this.#commitChunk(chunk, deadlineMs);
        const short = failureIn(done, 'no_quota');
        if (short !== undefined) end(short);
        const outage = failureIn(done, 'unavailable') ?? failureIn(done, 'exhausted');
        outagesInRow = outage === undefined ? 0 : outagesInRow + 1;
        this.#mostTogether =
          outage === undefined
            ? Math.min(maxCommitDocuments, this.#mostTogether * 2)
            : Math.max(1, Math.floor(chunk.length / 2));
        if (outage !== undefined && outagesInRow >= maxOutagesInRow) end(outage);
        append(results, done);
      }
    };
    await Promise.all(Array.from({ length: commitsInFlight }, work));
    return results;
  }

  async #commitSize(waiting: number, type?: 'writes' | 'deletes'): Promise<number | DocumentError> {
    try {
      return await this.#options.documents.commitSize(waiting, type);
    } catch (error) {
      return outageOf(error);
    }
  }

  async #prepare(job: CommitJob<E>, known: Known<State>): Promise<Prepared<E, State>> {
    const { clock, kind } = this.#options;
    const late = () => new AppError('unavailable', 'Cloud Storage did not answer in time.');
    return { job, known, plan: await within(clock, planMs, kind.plan(job.path, known, job.events), late) };
  }

  async #commitChunk(
    chunk: readonly Prepared<E, State>[],
    deadlineMs: number,
  ): Promise<CommitResult<E, State>[]> {
    try {
      const versions = await this.#write(chunk, deadlineMs);
      return chunk.map((item, index) => this.#done(item, versions[index]));
    } catch (error) {
      if (!(error instanceof DocumentError))
        return chunk.map(({ job }) => ({ ...job, outcome: 'broken', error }));
      const [unexpected, expected] = divided(chunk, error.present);
      if (unexpected.length > 0 && expected.length > 0) {
        return [
          ...(await this.#commitChunk(expected, deadlineMs)),
          ...(await this.#commitSingly(unexpected, deadlineMs)),
        ];
      }
      if (error.failure === 'conflict' || error.failure === 'invalid') {
        return this.#commitSingly(chunk, deadlineMs);
      }
      for (const { job } of chunk) this.#options.cache.delete(job.path);
      return chunk.map(({ job }) => ({ ...job, outcome: 'failed', error }));
    }
  }

  async #commitSingly(
    items: readonly Prepared<E, State>[],
    deadlineMs: number,
  ): Promise<CommitResult<E, State>[]> {
    const results = await mapPool(items, singleCommitsInFlight, (item) =>
      this.#commitAlone(item, deadlineMs),
    );
    return results.flat();
  }

  async #commitAlone(first: Prepared<E, State>, deadlineMs: number): Promise<CommitResult<E, State>[]> {
    const { job } = first;
    let item = first;
    try {
      for (let attempt = 1; ; attempt += 1) {
        try {
          if (item.plan.writes.length === 0) return [this.#done(item, undefined)];
          const [version] = await this.#write([item], deadlineMs);
          return [this.#done(item, version)];
        } catch (error) {
          const isConflict = error instanceof DocumentError && error.failure === 'conflict';
          if (!isConflict || attempt === maxConflictAttempts) throw error;
          item = await this.#prepare(job, await this.#reader.again(job.path, this.#timed(deadlineMs)));
        }
      }
    } catch (error) {
      this.#options.cache.delete(job.path);
      const isRefused = error instanceof DocumentError && error.failure === 'invalid';
      if (isRefused && job.events.length > 1) return this.#commitHalves(job, deadlineMs);
      return unsuccessful(job, error);
    }
  }

  /** One of the events cannot be written; the others must be, in as few writes as that takes. */
  async #commitHalves({ path, events }: CommitJob<E>, deadlineMs: number): Promise<CommitResult<E, State>[]> {
    const inOrder = events.toSorted((a, b) => (a.stamp < b.stamp ? -1 : 1));
    const middle = Math.ceil(inOrder.length / 2);
    const results: CommitResult<E, State>[] = [];
    for (const half of [inOrder.slice(0, middle), inOrder.slice(middle)]) {
      append(results, await this.#commitAnew({ path, events: half }, deadlineMs));
    }
    return results;
  }

  async #commitAnew(job: CommitJob<E>, deadlineMs: number): Promise<CommitResult<E, State>[]> {
    try {
      const known = await this.#reader.again(job.path, this.#timed(deadlineMs));
      return await this.#commitAlone(await this.#prepare(job, known), deadlineMs);
    } catch (error) {
      return unsuccessful(job, error);
    }
  }

  /** The new version of each document, where the database tells. */
  async #write(
    chunk: readonly Prepared<E, State>[],
    deadlineMs: number,
  ): Promise<(DocumentVersion | undefined)[]> {
    const { documents, kind } = this.#options;
    const tooLarge = chunk.find(({ plan }) => plan.bytes > kind.maxBytes);
    if (tooLarge !== undefined) {
      const { job, plan } = tooLarge;
      throw new DocumentError(
        'invalid',
        `The document ${job.path} would have ${plan.bytes} bytes; at most ${kind.maxBytes} are stored.`,
      );
    }
    const writes = chunk.flatMap(({ plan }) => plan.writes);
    const ifAbsent = chunk.flatMap(({ plan }) => plan.ifAbsent);
    if (ifAbsent.length > 0) {
      await this.#timed(deadlineMs)(documents.commitIfAbsent(writes, ifAbsent, 'flush'));
      return [];
    }
    const versions = (await this.#timed(deadlineMs)(documents.commit(writes, 'flush'))).values();
    return chunk.map(({ plan }) => plan.writes.map(() => versions.next().value)[0]);
  }

  #done(
    { job, known, plan }: Prepared<E, State>,
    version: DocumentVersion | undefined,
  ): CommitResult<E, State> {
    const { cache } = this.#options;
    const { after, document, bytes } = plan;
    const hasWritten = plan.writes.length > 0;
    const now = hasWritten ? version : known.version;
    if (document === undefined || now === undefined || now === 'absent') cache.delete(job.path);
    else cache.set(job.path, { state: after, document, version: now }, bytes);
    return { ...job, outcome: 'committed', before: known.state, after, hasWritten };
  }

  /** The result, unless the deadline comes first; then nobody knows whether it was done. */
  #timed(deadlineMs: number): Timed {
    const { clock } = this.#options;
    const late = () => new DocumentError('unavailable', 'Firestore did not answer in time.');
    return async (work) => {
      try {
        return await within(clock, deadlineMs - clock.now(), work, late);
      } catch (error) {
        throw outageOf(error);
      }
    };
  }
}

/** Those that one of these documents stands in the way of, and the others. */
function divided<E extends Event, State>(
  chunk: readonly Prepared<E, State>[],
  present: readonly string[],
): [unexpected: Prepared<E, State>[], expected: Prepared<E, State>[]] {
  const isMet = ({ plan }: Prepared<E, State>): boolean =>
    plan.ifAbsent.some((path) => present.includes(path));
  return [chunk.filter(isMet), chunk.filter((item) => !isMet(item))];
}
