import { type Carrier, eventLine } from '../events/carrier.ts';
import { type Event, eventKey } from '../events/event.ts';
import { earliestStamp, type Stamp } from '../events/stamp.ts';
import { append, largest, smallest } from '../platform/arrays.ts';
import { within } from '../platform/clock.ts';
import { AppError, messageOf } from '../platform/errors.ts';
import { mapPool } from '../platform/pool.ts';
import { type Operations, perType } from '../quota/operations.ts';
import { isOwnFault } from './apart.ts';
import { isForSome } from './backoff.ts';
import type { CommitResult } from './commitResult.ts';
import type { Committer } from './committer.ts';
import type { Delivery } from './delivery.ts';
import { addTo, type Intake, takeIn } from './intake.ts';
import type { EventGroup, FollowUp, Kind } from './kind.ts';
import { carryMs, commitDeadlineMs, followUpMs, followUpsAtOnce, leastCommitMs } from './limits.ts';
import { readiness } from './readiness.ts';
import { Remembered, type Waiting } from './remembered.ts';
import { type Broken, carry, type FlushParts, requeueBroken, requeueUnreadLines } from './waiting.ts';

/** A kind of documents, with what writes them. */
export interface KindAtWork {
  kind: Kind;
  committer: Committer;
}

export interface FlusherOptions {
  parts: FlushParts;
  kinds: readonly KindAtWork[];
  /** Operations of Firestore that flushes have cost this process. */
  spent(): Operations;
}

/** Carriers that must come again, and why. */
export type Failures = Map<Carrier, unknown>;

/** One flush: what came, and what has become of it so far. */
interface Run {
  remembered: Remembered;
  deliveries: readonly Delivery[];
  intake: Intake;
  failures: Failures;
  results: CommitResult[];
  /** Documents that are not ready, with the events that are remembered of them. */
  early: Waiting[];
  /** Events that are not known to be kept elsewhere. */
  waiting: Event[];
  /** Keys of events for which something failed that must be done before they are settled. */
  unsettled: Set<string>;
}

/** A piece of work, and what is to be done where it fails or takes too long. */
interface Work {
  work(): Promise<void>;
  failed(error: unknown): void;
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
    const { kinds } = this.#options;
    const nowMs = clock.now();
    const spentBefore = this.#options.spent();
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
      early: [],
      waiting: [],
      unsettled: new Set(),
    };
    const deadlineMs = deadlineOf(deliveries, nowMs);
    const followUps = await Promise.all(
      kinds.map((one, index) => this.#commit(one, intake.groups[index] ?? [], run, deadlineMs)),
    );
    backoff.learn(run.results);
    const after = [this.#dead(run), this.#refused(run), this.#unread(run), this.#broken(run)];
    await this.#doAll([this.#followUps(followUps.flat(), run), ...after], followUpMs);
    const carried = await this.#carryRest(run);
    noteOutcomes(run);
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
    if (isLeftAlone) append(run.waiting, eventsOf(arrived));
    const { ready, early } = isLeftAlone
      ? { ready: [], early: [] }
      : readiness(kind, remembered.join(arrived), remembered.others(kind, arrived), moment);
    append(run.early, early);
    const following = kind.follow?.();
    for await (const round of committer.commit(ready, deadlineMs)) {
      const done = round.filter((result) => result.outcome === 'committed');
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
   * Does several kinds of work beside each other, in so much time: a call that hangs costs the deliveries of its
   * own events, nothing else.
   */
  async #doAll(kinds: readonly (readonly Work[])[], ms: number): Promise<void> {
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
    await Promise.all(kinds.map((works) => mapPool(works, followUpsAtOnce, doInTime)));
  }

  #followUps(followUps: readonly FollowUp[], run: Run): Work[] {
    return followUps.map(({ events, work }) => ({ work, failed: comeAgain(run, events) }));
  }

  /** Keeps what came dead. */
  #dead({ intake, failures }: Run): Work[] {
    return intake.dead.map(({ letter, from }) => ({
      work: () => this.#parts.deadLetters.keep(letter),
      failed: (error) => failures.set(from, error),
    }));
  }

  /** Keeps dead letters of what Firestore refused; what Cloud Storage does not take waits. */
  #refused(run: Run): Work[] {
    const { deadLetters, logger } = this.#parts;
    const { results, waiting } = run;
    const refused = results.filter((result) => result.outcome === 'refused');
    return refused.flatMap(({ events, error: { message: detail, cause } }) =>
      arrivedOf(run, events).map((event) => ({
        work: () => deadLetters.keep({ reason: 'refused_by_firestore', detail, cause, content: { event } }),
        failed: (error) => {
          logger.warn('A dead letter is not kept yet', { reason: messageOf(error) });
          waiting.push(event);
        },
      })),
    );
  }

  /** Lets wait what this version cannot read, and what is for documents that it cannot read. */
  #unread(run: Run): Work[] {
    const { results, failures } = run;
    const { unread } = run.intake;
    for (const result of results) {
      if (result.outcome !== 'unread') continue;
      for (const event of result.events) {
        const [from] = carriersOf(run, event);
        if (from !== undefined) addTo(unread, from, { unknown: eventLine(event), reason: result.detail });
      }
    }
    return [...unread].map(([carrier, lines]) => ({
      work: () => requeueUnreadLines(this.#parts, carrier, lines),
      failed: (error) => failures.set(carrier, error),
    }));
  }

  /**
   * Lets suspects wait, by how often our code broke on them, this time included. Where a service failed,
   * their deliveries come again.
   */
  #broken(run: Run): Work[] {
    const byTries = new Map<number, Broken[]>();
    for (const result of run.results) {
      if (result.outcome !== 'broken') continue;
      const { error, events } = result;
      if (!isOwnFault(error)) {
        comeAgain(run, events)(error);
        continue;
      }
      for (const event of arrivedOf(run, events)) addTo(byTries, 1 + triesOf(run, event), { event, error });
    }
    return [...byTries].map(([tries, broken]) => {
      const events = broken.map(({ event }) => event);
      return { work: () => requeueBroken(this.#parts, tries, broken), failed: comeAgain(run, events) };
    });
  }

  /**
   * Carries what waits, and what failed: what is short of what not all need has a time of its own.
   * Returns how many events.
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
    const byTick = new Map<number, { events: Event[]; early: Waiting[] }>();
    const put = (events: readonly Event[], notBeforeMs: number, early: readonly Waiting[] = []): void => {
      const dueMs = backoff.tickMs(notBeforeMs);
      const one = byTick.get(dueMs) ?? { events: [], early: [] };
      byTick.set(dueMs, one);
      append(one.events, events);
      append(one.early, early);
    };
    put(run.waiting, backoff.parkedUntilMs);
    put(arrivedOf(run, eventsOf(forAll)), backoff.parkedUntilMs);
    put(arrivedOf(run, eventsOf(forSome)), backoff.shortUntilMs);
    for (const one of run.early) put(arrivedOf(run, one.group.events), one.dueMs - 1, [one]);
    const works = [...byTick].map(([dueMs, { events, early }]) => ({
      work: async () => {
        await carry(this.#parts, events, dueMs, tries);
        for (const one of early) remembered.wait(one);
      },
      failed: comeAgain(run, events),
    }));
    await this.#doAll([works], carryMs);
    return [...byTick.values()].reduce((sum, { events }) => sum + events.length, 0);
  }

  /** Logs the counts of a flush in one line. */
  #log({ deliveries, intake, results }: Run, carried: number, spentBefore: Operations): void {
    const spent = this.#options.spent();
    const counts = this.#options.kinds.flatMap(({ kind }, index) =>
      Object.entries(kind.counts(intake.groups[index] ?? [])),
    );
    this.#parts.logger.info('Flushed', {
      carriers: deliveries.length,
      events: intake.origins.size,
      ...Object.fromEntries(counts),
      written: results.filter((result) => result.outcome === 'committed' && result.hasWritten).length,
      carried,
      dead_letters: intake.dead.length + results.filter(({ outcome }) => outcome === 'refused').length,
      unread: [...intake.unread.values()].reduce((sum, { length }) => sum + length, 0),
      duplicates: intake.duplicates,
      quota_spent: perType((type) => spent[type] - spentBefore[type]),
    });
  }
}

/**
 * Learns what has become of the remembered events: those of a document that is written, with all that follows it, are
 * written; what is refused or breaks is judged by itself when its own carrier comes. So are all of a document of which
 * one became a dead letter: that may be replayed, and must not be taken for written then.
 */
function noteOutcomes({ remembered, results, unsettled }: Run): void {
  for (const [path, ofPath] of Map.groupBy(results, (result) => result.path)) {
    const isJudged = ofPath.some((result) =>
      result.outcome === 'committed' ? result.hasDead : result.outcome !== 'failed',
    );
    if (isJudged) remembered.forget(path);
    const isSettled = ofPath.every(
      ({ outcome, events }) =>
        outcome === 'committed' && !events.some((event) => unsettled.has(eventKey(event))),
    );
    if (isSettled) remembered.written(path);
  }
}

/** The events that came with this flush's carriers: the others have carriers of their own in the queue. */
function arrivedOf({ intake: { origins } }: Run, events: readonly Event[]): Event[] {
  return events.filter((event) => origins.has(eventKey(event)));
}

function carriersOf({ intake: { origins } }: Run, event: Event): readonly Carrier[] {
  return origins.get(eventKey(event)) ?? [];
}

/** Notes that the carriers of these events must come again. */
function comeAgain(run: Run, events: readonly Event[]): Work['failed'] {
  return (error) => {
    for (const event of events) {
      run.unsettled.add(eventKey(event));
      for (const from of carriersOf(run, event)) run.failures.set(from, error);
    }
  };
}

/** The times that our code broke on an event before: as many as a carrier that brought it says. */
function triesOf(run: Run, event: Event): number {
  return Math.max(0, largest(carriersOf(run, event).map(({ tries }) => tries ?? 0)));
}

function eventsOf(groups: readonly { events: readonly Event[] }[]): Event[] {
  const found: Event[] = [];
  for (const { events } of groups) append(found, events);
  return found;
}

/**
 * The time at which commits must be over, so that all of these are answered in time; those that
 * waited long get a last chance.
 */
function deadlineOf(deliveries: readonly Delivery[], nowMs: number): number {
  const firstMs = Math.min(nowMs, smallest(deliveries.map(({ arrivedMs }) => arrivedMs)));
  return Math.max(firstMs + commitDeadlineMs, nowMs + leastCommitMs);
}
