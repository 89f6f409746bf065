import type { Event } from '../events/event.ts';
import { earliestOf, earliestStamp, type Stamp, stampMs } from '../events/stamp.ts';
import { append, smallest } from '../platform/arrays.ts';
import { within } from '../platform/clock.ts';
import { AppError } from '../platform/errors.ts';
import { mapPool } from '../platform/pool.ts';
import type { OperationMeter } from '../quota/meter.ts';
import { type Operations, perType } from '../quota/operations.ts';
import { isForSome } from './backoff.ts';
import type { Committer } from './committer.ts';
import type { Delivery } from './delivery.ts';
import { takeIn } from './intake.ts';
import type { EventGroup, FollowUp, Kind } from './kind.ts';
import {
  carryMs,
  commitDeadlineMs,
  followUpMs,
  followUpsAtOnce,
  leastCommitMs,
  maxLoggedPaths,
} from './limits.ts';
import { readiness } from './readiness.ts';
import { type NotReady, Remembered } from './remembered.ts';
import { arrivedOf, comeAgain, eventsOf, type Failures, noteOutcomes, type Run, type Work } from './run.ts';
import { unwritten } from './unwritten.ts';
import { carry, type FlushParts } from './waiting.ts';

/** A kind of documents, with what writes them. */
interface KindAtWork {
  kind: Kind;
  committer: Committer;
}

export interface FlusherOptions {
  parts: FlushParts;
  kinds: readonly KindAtWork[];
  /** Counts operations of Firestore, also those that flushes have cost this process, and the work that is done. */
  meter: Pick<OperationMeter, 'of' | 'countWork'>;
}

/**
 * Works on the deliveries that were gathered: commits what is ready, then carries the rest, and only then lets them be
 * acknowledged. A crash in between leaves copies, which stamps and the reducer make harmless.
 */
export class Flusher {
  readonly #options: FlusherOptions;
  readonly #parts: FlushParts;
  readonly #remembered = new Remembered();
  #flushBefore: Stamp = earliestStamp;

  constructor(options: FlusherOptions) {
    this.#options = options;
    this.#parts = options.parts;
  }

  /** Works on deliveries; all but those whose carrier is returned may be acknowledged. */
  async flush(deliveries: readonly Delivery[]): Promise<Failures> {
    return this.#flushWith(this.#remembered, deliveries);
  }

  /** Works on one delivery, as {@link Flusher.flush} does, and on nothing that is remembered. */
  async flushAlone(delivery: Delivery): Promise<Failures> {
    return this.#flushWith(new Remembered(), [delivery]);
  }

  async #flushWith(remembered: Remembered, deliveries: readonly Delivery[]): Promise<Failures> {
    const failures: Failures = new Map();
    try {
      if (deliveries.length > 0) await this.#flush(remembered, deliveries, failures);
    } catch (error) {
      for (const { carrier } of deliveries) failures.set(carrier, error);
    }
    return failures;
  }

  async #flush(remembered: Remembered, deliveries: readonly Delivery[], failures: Failures): Promise<void> {
    const { clock, backoff } = this.#parts;
    const { kinds, meter } = this.#options;
    const nowMs = clock.now();
    const spentBefore = meter.of('flush');
    for (const { carrier } of deliveries) {
      const { flushBefore = earliestStamp } = carrier;
      if (flushBefore > this.#flushBefore) this.#flushBefore = flushBefore;
    }
    const intake = takeIn(
      deliveries,
      kinds.map(({ kind }) => kind),
      nowMs,
      (event) => remembered.isWritten(event),
    );
    const run: Run = {
      remembered,
      deliveries,
      intake,
      failures,
      results: [],
      notReady: [],
      toCarry: [],
      unsettled: new Set(),
    };
    const deadlineMs = deadlineOf(deliveries, nowMs);
    const followUps = await Promise.all(
      kinds.map((one, index) => this.#commit(one, intake.groups[index] ?? [], run, deadlineMs)),
    );
    backoff.learn(run.results);
    await this.#doAll([this.#followUps(followUps.flat(), run), ...unwritten(this.#parts, run)], followUpMs);
    const carried = await this.#carryRest(run);
    noteOutcomes(run);
    meter.countWork({ carriers: deliveries.filter(({ carrier }) => !failures.has(carrier)).length });
    this.#log(run, carried, spentBefore);
  }

  /**
   * Commits the documents of one kind that are ready. Looks after each round of commits before the next begins; returns
   * what follows all of them.
   */
  async #commit(
    { kind, committer }: KindAtWork,
    arrived: readonly EventGroup[],
    run: Run,
    deadlineMs: number,
  ): Promise<FollowUp[]> {
    const { backoff, clock } = this.#parts;
    const { remembered } = run;
    // While Firestore is left alone nothing is ready, unless a flush was asked for.
    const isAskedFor = run.deliveries.some(({ carrier }) => carrier.flushBefore !== undefined);
    const lastKnown = (path: string): unknown => committer.lastKnown(path);
    const { isParked } = backoff;
    const moment = { nowMs: clock.now(), isParked, flushBefore: this.#flushBefore, lastKnown };
    const isLeftAlone = isParked && !isAskedFor;
    if (isLeftAlone) append(run.toCarry, eventsOf(arrived));
    const { ready, notReady } = isLeftAlone
      ? { ready: [], notReady: [] }
      : readiness(kind, remembered.join(arrived), remembered.others(kind, arrived), moment);
    append(run.notReady, notReady);
    const following = kind.follow?.();
    for await (const round of committer.commit(ready, deadlineMs)) {
      const done = round.filter((result) => result.outcome === 'committed');
      for (const result of done) if (result.hasWritten) this.#options.meter.countWork(kind.done(result));
      await this.#doAll([this.#followUps(following?.after(done) ?? [], run)], followUpMs);
      // Memory has no room for the states of all of them.
      for (const result of round) {
        const { outcome } = result;
        run.results.push(
          outcome === 'committed' ? { ...result, before: undefined, after: undefined } : result,
        );
      }
    }
    return following?.end() ?? [];
  }

  /**
   * Does several lists of work beside each other, in so much time: a call that hangs costs the deliveries of its own
   * events, nothing else. It is not broken off, so that it may still end, later than anybody waits for it.
   */
  async #doAll(lists: readonly (readonly Work[])[], ms: number): Promise<void> {
    const { clock } = this.#parts;
    const untilMs = clock.now() + ms;
    const late = () => new AppError('unavailable', 'What follows a commit took too long; it comes again.');
    const doInTime = async ({ work, failed }: Work): Promise<void> => {
      try {
        if (clock.now() >= untilMs) throw late();
        await within(clock, untilMs - clock.now(), work(), late);
      } catch (error) {
        failed(error);
      }
    };
    await Promise.all(lists.map((works) => mapPool(works, followUpsAtOnce, doInTime)));
  }

  #followUps(followUps: readonly FollowUp[], run: Run): Work[] {
    return followUps.map(({ events, work }) => ({ work, failed: comeAgain(run, events) }));
  }

  /**
   * Carries what waits, and what failed: events that lack reads or deletes go to a tick of their own. Returns how many
   * events are carried.
   */
  async #carryRest(run: Run): Promise<number> {
    const { backoff } = this.#parts;
    const { remembered } = run;
    const failed = run.results.filter((result) => result.outcome === 'failed');
    const { forSome = [], forAll = [] } = Object.groupBy(failed, ({ error }) =>
      isForSome(error) ? 'forSome' : 'forAll',
    );
    // A suspect is alone here, and stays one.
    const tries = run.deliveries.length === 1 ? run.deliveries[0]?.carrier.tries : undefined;
    const byTick = new Map<number, { events: Event[]; notReady: NotReady[] }>();
    const put = (events: readonly Event[], notBeforeMs: number, notReady: readonly NotReady[] = []): void => {
      const dueMs = backoff.tickMs(notBeforeMs);
      const one = byTick.get(dueMs) ?? { events: [], notReady: [] };
      byTick.set(dueMs, one);
      append(one.events, events);
      append(one.notReady, notReady);
    };
    put(run.toCarry, backoff.parkedUntilMs);
    put(arrivedOf(run, eventsOf(forAll)), backoff.parkedUntilMs);
    put(arrivedOf(run, eventsOf(forSome)), backoff.shortUntilMs);
    for (const one of run.notReady) put(arrivedOf(run, one.group.events), one.dueMs - 1, [one]);
    let carried = 0;
    const works = [...byTick].map(([dueMs, { events, notReady }]) => ({
      work: async () => {
        await carry(this.#parts, events, dueMs, tries);
        carried += events.length;
        for (const one of notReady) remembered.wait(one);
      },
      failed: comeAgain(run, events),
    }));
    await this.#doAll([works], carryMs);
    return carried;
  }

  /** Logs the counts of a flush in one line. */
  #log(run: Run, carried: number, spentBefore: Operations): void {
    const { deliveries, intake, results } = run;
    const { kinds, meter } = this.#options;
    const spent = meter.of('flush');
    const counts = kinds.flatMap(({ kind }, index) =>
      Object.entries(kind.counts(intake.groups[index] ?? [])),
    );
    const written = results.filter((result) => result.outcome === 'committed' && result.hasWritten);
    if (written.length > 0) {
      this.#parts.logger.debug('Wrote documents', () => ({
        paths: written.slice(0, maxLoggedPaths).map(({ path }) => path),
      }));
    }
    this.#parts.logger.info('Flushed', {
      carriers: deliveries.length,
      events: intake.origins.size,
      oldest_event_age_seconds: this.#oldestAgeSeconds(deliveries),
      ...Object.fromEntries(counts),
      written: written.length,
      carried,
      dead_letters:
        intake.dead.length +
        arrivedOf(run, eventsOf(results.filter(({ outcome }) => outcome === 'refused'))).length,
      unread: [...intake.unread.values()].reduce((sum, { length }) => sum + length, 0),
      duplicates: intake.duplicates,
      quota_spent: perType((type) => spent[type] - spentBefore[type]),
    });
  }

  /** Seconds since the oldest event of these was accepted; undefined for deadlines alone. */
  #oldestAgeSeconds(deliveries: readonly Delivery[]): number | undefined {
    const oldest = earliestOf(deliveries.map(({ carrier }) => carrier.oldest));
    if (oldest === undefined) return undefined;
    return Math.max(0, Math.round((this.#parts.clock.now() - stampMs(oldest)) / 1000));
  }
}

/**
 * The time at which commits must be over, so that all of these are answered in time; those that
 * waited long get a last chance.
 */
function deadlineOf(deliveries: readonly Delivery[], nowMs: number): number {
  const firstMs = Math.min(nowMs, smallest(deliveries.map(({ arrivedMs }) => arrivedMs)));
  return Math.max(firstMs + commitDeadlineMs, nowMs + leastCommitMs);
}
