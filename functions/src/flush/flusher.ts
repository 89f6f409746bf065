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
  deliveries: readonly Delivery[];
  intake: Intake;
  failures: Failures;
  results: CommitResult[];
  /** Events that are not ready, or not known to be kept elsewhere. */
  waiting: Event[];
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
  #flushBefore: Stamp = earliestStamp;

  constructor(options: FlusherOptions) {
    this.#options = options;
    this.#parts = options.parts;
  }

  /** Works on deliveries; all but those whose carrier is returned may be acknowledged. */
  async flush(deliveries: readonly Delivery[]): Promise<Failures> {
    const failures: Failures = new Map();
    try {
      if (deliveries.length > 0) await this.#flush(deliveries, failures);
    } catch (error) {
      for (const { carrier } of deliveries) failures.set(carrier, error);
    }
    return failures;
  }

  async #flush(deliveries: readonly Delivery[], failures: Failures): Promise<void> {
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
    );
    const run: Run = { deliveries, intake, failures, results: [], waiting: [] };
    const deadlineMs = deadlineOf(deliveries, nowMs);
    const followUps = await Promise.all(
      kinds.map((one, index) => this.#commit(one, intake.groups[index] ?? [], run, deadlineMs)),
    );
    backoff.learn(run.results);
    const after = [this.#dead(run), this.#refused(run), this.#unread(run), this.#broken(run)];
    await this.#doAll([this.#followUps(followUps.flat(), run), ...after], followUpMs);
    const carried = await this.#carryRest(run);
    this.#log(run, carried, spentBefore);
  }

  /**
   * Commits the documents of one kind that are ready. Looks after each round of commits before the next begins; returns
   * what follows all of them.
   */
  async #commit(
    { kind, committer }: KindAtWork,
    groups: readonly EventGroup[],
    run: Run,
    deadlineMs: number,
  ): Promise<FollowUp[]> {
    const { backoff, clock } = this.#parts;
    // While Firestore is left alone nothing is ready, unless a flush was asked for.
    const isAskedFor = run.deliveries.some(({ carrier }) => carrier.flushBefore !== undefined);
    const lastKnown = (path: string): unknown => committer.lastKnown(path);
    const moment = { nowMs: clock.now(), flushBefore: this.#flushBefore, lastKnown };
    const isReady = backoff.isParked && !isAskedFor ? () => false : readiness(kind, groups, moment);
    const { ready = [], early = [] } = Object.groupBy(groups, (group) =>
      isReady(group) ? 'ready' : 'early',
    );
    append(run.waiting, eventsOf(early));
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
  #refused({ results, waiting }: Run): Work[] {
    const { deadLetters, logger } = this.#parts;
    const refused = results.filter((result) => result.outcome === 'refused');
    return refused.flatMap(({ events, error: { message: detail, cause } }) =>
      events.map((event) => ({
        work: () => deadLetters.keep({ reason: 'refused_by_firestore', detail, cause, content: { event } }),
        failed: (error) => {
          logger.warn('A dead letter is not kept yet', { reason: messageOf(error) });
          waiting.push(event);
        },
      })),
    );
  }

  /** Lets wait what this version cannot read, and what is for documents that it cannot read. */
  #unread({ intake: { unread, origins }, results, failures }: Run): Work[] {
    for (const result of results) {
      if (result.outcome !== 'unread') continue;
      for (const event of result.events) {
        const [from] = origins.get(eventKey(event)) ?? [];
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
      if (!isOwnFault(error)) comeAgain(run, events)(error);
      else for (const event of events) addTo(byTries, 1 + triesOf(run, event), { event, error });
    }
    return [...byTries].map(([tries, broken]) => ({
      work: () => requeueBroken(this.#parts, tries, broken),
      failed: comeAgain(
        run,
        broken.map(({ event }) => event),
      ),
    }));
  }

  /**
   * Carries what waits, and what failed: what is short of what not all need has a time of its own.
   * Returns how many events.
   */
  async #carryRest(run: Run): Promise<number> {
    const { backoff } = this.#parts;
    const failed = run.results.filter((result) => result.outcome === 'failed');
    const short = eventsOf(failed.filter(({ error }) => isForSome(error)));
    const others = [...run.waiting, ...eventsOf(failed.filter(({ error }) => !isForSome(error)))];
    // A suspect is alone here, and stays one.
    const tries = run.deliveries.length === 1 ? run.deliveries[0]?.carrier.tries : undefined;
    const carried = (events: readonly Event[], notBeforeMs: number): Work => ({
      work: () => carry(this.#parts, events, backoff.tickMs(notBeforeMs), tries),
      failed: comeAgain(run, events),
    });
    await this.#doAll(
      [[carried(others, backoff.parkedUntilMs), carried(short, backoff.shortUntilMs)]],
      carryMs,
    );
    return others.length + short.length;
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

/** Notes that the carriers of these events must come again. */
function comeAgain({ intake: { origins }, failures }: Run, events: readonly Event[]): Work['failed'] {
  return (error) => {
    for (const event of events)
      for (const from of origins.get(eventKey(event)) ?? []) failures.set(from, error);
  };
}

/** The times that our code broke on an event before: as many as a carrier that brought it says. */
function triesOf({ intake: { origins } }: Run, event: Event): number {
  return Math.max(0, largest((origins.get(eventKey(event)) ?? []).map(({ tries }) => tries ?? 0)));
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
