import { append, smallest } from '../platform/arrays.ts';
import { within } from '../platform/clock.ts';
import { DocumentError } from '../platform/documents.ts';
import { mapPool } from '../platform/pool.ts';
import type { BilledType } from '../quota/operations.ts';
import { apart } from './apart.ts';
import { type Prepared, queuesOf, takeChunk } from './chunks.ts';
import {
  type CommitJob,
  type CommitResult,
  endIn,
  failed,
  failureIn,
  outageOf,
  outOfTime,
  unsuccessful,
} from './commitResult.ts';
import {
  commitsInFlight,
  fewFirstReads,
  followUpsAtOnce,
  maxCommitDocuments,
  maxOutagesInRow,
  maxRoundDocuments,
  quotaMarginMs,
  readsPerWrite,
  usualFirstReads,
} from './limits.ts';
import type { Opened, Timed } from './snapshots.ts';
import { DocumentWriter, type WriterOptions } from './writer.ts';

/** Writes documents of one kind: at most one write each, none where nothing changes, many in one commit. */
export class Committer {
  readonly #options: WriterOptions;
  readonly #writer: DocumentWriter;
  #firstReads = usualFirstReads;
  /** Documents in one commit: fewer after each outage, as one of them may be why, and more again after each success. */
  #mostTogether = maxCommitDocuments;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#writer = new DocumentWriter(options);
  }

  /** The state that this instance last wrote or read of a document, if it remembers. */
  lastKnown(path: string): unknown {
    return this.#options.cache.get(path)?.state;
  }

  /**
   * Writes each job; gives a result for each, in any order; a job with an event that Firestore refuses comes back as
   * several. A job that is not done by `deadlineMs` has failed. Results come in rounds, so that the outcomes of no more
   * documents than memory holds are known at once.
   */
  async *commit(jobs: readonly CommitJob[], deadlineMs: number): AsyncGenerator<CommitResult[], void> {
    const { possible, results } = await this.#withoutShortDeletions(jobs);
    if (results.length > 0) yield results;
    const { reader } = this.#writer;
    let rest = reader.knownFirst(possible);
    // What is read is written before more is: a backlog that is larger than the day's reads gets on all the same.
    for (let most = this.#firstReads; rest.length > 0; most *= 2) {
      const opened = await this.#open(rest.slice(0, maxRoundDocuments), most, deadlineMs);
      if (opened instanceof DocumentError) {
        yield failed(rest, opened);
        return;
      }
      const round = await this.#commitOn(opened, deadlineMs);
      rest = rest.slice(opened.length);
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

  /** Sorts out the deletions where nothing can be deleted now, so that nothing is read for them. */
  async #withoutShortDeletions(
    jobs: readonly CommitJob[],
  ): Promise<{ possible: readonly CommitJob[]; results: CommitResult[] }> {
    const { kind } = this.#options;
    const deletions = new Set(jobs.filter(({ events }) => kind.isDeletion?.(events)));
    const size = deletions.size === 0 ? 0 : await this.#commitSize(deletions.size, 'deletes');
    if (typeof size === 'number') return { possible: jobs, results: [] };
    return { possible: jobs.filter((job) => !deletions.has(job)), results: failed([...deletions], size) };
  }

  /**
   * Finds the snapshots of as many jobs as memory has room for, at most so many of them read, nor
   * more than are soon written.
   */
  async #open(
    jobs: readonly CommitJob[],
    most: number,
    deadlineMs: number,
  ): Promise<Opened[] | DocumentError> {
    // Without time or a lease for writes, reading what they build on would be for nothing.
    const nowMs = this.#options.clock.now();
    if (deadlineMs - nowMs < quotaMarginMs) return outOfTime(nowMs);
    const size = await this.#commitSize(jobs.length);
    if (size instanceof DocumentError) return size;
    try {
      const { reader } = this.#writer;
      return await reader.first(jobs, Math.min(most, size * readsPerWrite), this.#timed(deadlineMs));
    } catch (error) {
      if (error instanceof DocumentError) return error;
      throw error;
    }
  }

  async #commitOn(opened: readonly Opened[], deadlineMs: number): Promise<CommitResult[]> {
    const prepared: Prepared[] = [];
    const results: CommitResult[] = [];
    // At once, so that one whose bodies hang on their way to Cloud Storage does not hold up the others.
    await mapPool(opened, followUpsAtOnce, async (one) => {
      const item = await this.#prepareSound(one, results);
      if (item?.plan.writes.length === 0) results.push(this.#writer.done(item, undefined));
      else if (item !== undefined) prepared.push(item);
    });
    append(results, await this.#commitAll(prepared, deadlineMs));
    return results;
  }

  /**
   * Plans a document, if it can be written; adds the results of events that come to nothing. One that our own code
   * breaks on stands alone, so that the others are written at once.
   */
  async #prepareSound(
    { job: { path, events }, snapshot: snapshotOf }: Opened,
    results: CommitResult[],
  ): Promise<Prepared | undefined> {
    let untold = events;
    try {
      const snapshot = snapshotOf();
      const prepare = (part: CommitJob['events']) => this.#writer.prepare({ path, events: part }, snapshot);
      const { sound, plans, bad, rest } = await apart(events, prepare);
      for (const [event, error] of bad) results.push({ path, events: [event], outcome: 'broken', error });
      const later = new DocumentError('conflict', 'Too many events of this document break at once.');
      if (rest.length > 0) results.push({ path, events: rest, outcome: 'failed', error: later });
      untold = sound;
      return plans.length > 1 ? await prepare(sound) : plans[0];
    } catch (error) {
      append(results, unsuccessful({ path, events: untold }, error));
      return undefined;
    }
  }

  /**
   * Makes several commits at once, each as large as the quota allows at its time; once that ends, the rest has failed.
   */
  async #commitAll(prepared: readonly Prepared[], deadlineMs: number): Promise<CommitResult[]> {
    const { clock } = this.#options;
    const queues = queuesOf(prepared);
    const results: CommitResult[] = [];
    const endings: Partial<Record<BilledType, DocumentError>> = {};
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
        if (deadlineMs - clock.now() < quotaMarginMs) end(outOfTime(clock.now()));
        const ending = queue.needs.map((type) => endings[type]).find((error) => error !== undefined);
        if (ending !== undefined) {
          const left = queue.items.splice(0).map(({ job }) => job);
          append(results, failed(left, ending));
          continue;
        }
        const limits = sizes.filter((size) => typeof size === 'number');
        const chunk = takeChunk(queue.items, Math.min(this.#mostTogether, smallest(limits)));
        // The others have taken the rest meanwhile.
        if (chunk.length === 0) continue;
        const done = await this.#writer.commit(chunk, this.#timed(deadlineMs));
        const short = failureIn(done, 'no_quota');
        if (short !== undefined) end(short);
        const outage = failureIn(done, 'unavailable', 'exhausted');
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

  /** Gives a result unless the deadline comes first; then nobody knows whether the work was done. */
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
