import { eventLine } from '../events/carrier.ts';
import { type Event, eventKey } from '../events/event.ts';
import { earliestOf, earliestStamp, type Stamp } from '../events/stamp.ts';
import { append, smallest } from '../platform/arrays.ts';
import { AppError, messageOf } from '../platform/errors.ts';
import { mapPool } from '../platform/pool.ts';
import { within } from '../platform/within.ts';
import { type Operations, perType } from '../quota/operations.ts';
import { packEvents } from '../staging/outbox.ts';
import { isOwnFault } from './apart.ts';
import { isForSome } from './backoff.ts';
import type { CommitResult } from './commitResult.ts';
import type { Committer } from './committer.ts';
import type { Delivery } from './delivery.ts';
import { Failures } from './failures.ts';
import { addTo, type Intake, takeIn } from './intake.ts';
import type { EventGroup, FollowUp, Kind } from './kind.ts';
import { carryMs, commitDeadlineMs, followUpMs, followUpsAtOnce, leastCommitMs } from './limits.ts';
import type { FlushParts } from './parts.ts';
import { type Broken, byTries, keepBroken } from './suspects.ts';
import { keepUnreadLines } from './unread.ts';

export interface FlusherOptions {
  parts: FlushParts;
  /** The kinds of documents, each with what writes them. */
  kinds: readonly { kind: Kind; committer: Committer }[];
  /** Operations of Firestore that flushes have cost this process. */
  spent(): Operations;
}

/** Does some work unless its time is over, and no longer than that. */
type InTime = <Outcome>(work: () => Promise<Outcome>) => Promise<Outcome>;

/** Events that are carried, and when they may be tried again. */
interface Waiting {
  events: Event[];
  notBeforeMs: number;
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

  /** Tells of each delivery whether it may be acknowledged; a rejected one must be delivered again. */
  async flush(deliveries: readonly Delivery[]): Promise<PromiseSettledResult<void>[]> {
    const { clock, backoff } = this.#parts;
    const nowMs = clock.now();
    const spentBefore = this.#options.spent();
    for (const { carrier } of deliveries) this.#remember(carrier.flushBefore);
    const kinds = this.#options.kinds.map(({ kind }) => kind);
    const intake = takeIn(deliveries, kinds, nowMs);
    const failures = new Failures(intake.origins);
    const deadlineMs = deadlineOf(deliveries, nowMs);
    const committed = await Promise.all(
      intake.groups.map((groups, index) => this.#commit(index, groups, deliveries, deadlineMs, failures)),
    );
    const results = committed.flatMap((ofKind) => ofKind.results);
    backoff.learn(results);
    const inTime = this.#within(followUpMs);
    const [unkept] = await Promise.all([
      this.#buryRefused(results, inTime),
      this.#followUp(
        committed.flatMap((ofKind) => ofKind.followUps),
        failures,
        inTime,
      ),
      this.#buryDead(intake.dead, failures, inTime),
      this.#keepUnread(deliveries, intake, results, failures, inTime),
      this.#keepBroken(deliveries, intake, results, failures, inTime),
    ]);
    const isShort = (result: CommitResult): boolean => result.outcome === 'failed' && isForSome(result.error);
    const failed = results.filter((result) => result.outcome === 'failed' && !isShort(result));
    const waiting: Waiting[] = [
      {
        events: [...committed.flatMap((ofKind) => ofKind.waiting), ...eventsOf(failed), ...unkept],
        notBeforeMs: backoff.parkedUntilMs,
      },
      { events: eventsOf(results.filter(isShort)), notBeforeMs: backoff.shortUntilMs },
    ];
    // A suspect is alone here, and stays one.
    const tries = deliveries.length === 1 ? deliveries[0]?.carrier.tries : undefined;
    const carryInTime = this.#within(carryMs);
    await Promise.all(waiting.map((part) => this.#carry(part, tries, failures, carryInTime)));
    const carried = waiting.reduce((sum, { events }) => sum + events.length, 0);
    this.#log(deliveries, intake, results, carried, spentBefore);
    return deliveries.map((_, index) => failures.outcome(index));
  }

  /** Commits the documents of one kind that are ready. Looks after each round of commits before the next begins. */
  async #commit(
    index: number,
    groups: readonly EventGroup[],
    deliveries: readonly Delivery[],
    deadlineMs: number,
    failures: Failures,
  ): Promise<{ results: CommitResult[]; waiting: Event[]; followUps: FollowUp[] }> {
    const results: CommitResult[] = [];
    const waiting: Event[] = [];
    const one = this.#options.kinds[index];
    if (one === undefined) return { results, waiting, followUps: [] };
    const { kind, committer } = one;
    const isReady = this.#readiness(kind, committer, groups, deliveries);
    const { ready = [], early = [] } = Object.groupBy(groups, (group) =>
      isReady(group) ? 'ready' : 'early',
    );
    append(waiting, eventsOf(early));
    const following = kind.follow?.();
    for await (const round of committer.commit(ready, deadlineMs)) {
      const done = round.filter((result) => result.outcome === 'committed');
      await this.#followUp(following?.after(done) ?? [], failures, this.#within(followUpMs));
      // Memory has no room for the states of all of them.
      for (const result of round)
        results.push(
          result.outcome === 'committed' ? { ...result, before: undefined, after: undefined } : result,
        );
    }
    return { results, waiting, followUps: following?.end() ?? [] };
  }

  /**
   * Tells which documents may be written now: none while Firestore is left alone, unless a flush was asked for. A document
   * that our own code breaks on is ready: the commit tells which event that is.
   */
  #readiness(
    kind: Kind,
    committer: Committer,
    groups: readonly EventGroup[],
    deliveries: readonly Delivery[],
  ): (group: EventGroup) => boolean {
    const { backoff, clock } = this.#parts;
    const isAskedFor = deliveries.some(({ carrier }) => carrier.flushBefore !== undefined);
    if (backoff.isParked && !isAskedFor) return () => false;
    const lastKnown = (path: string): unknown => committer.lastKnown(path);
    const readiness = kind.readiness(groups, {
      nowMs: clock.now(),
      flushBefore: this.#flushBefore,
      lastKnown,
    });
    return (group) => {
      try {
        return readiness.isReady(group);
      } catch {
        return true;
      }
    };
  }

  /** Ends what takes longer than this from now on: a call that hangs costs the delivery of its own events, nothing else. */
  #within(ms: number): InTime {
    const { clock } = this.#parts;
    const untilMs = clock.now() + ms;
    const late = () => new AppError('unavailable', 'What follows a commit took too long; it comes again.');
    return async (work) => {
      if (clock.now() >= untilMs) throw late();
      return within(clock, untilMs - clock.now(), work(), late);
    };
  }

  #remember(flushBefore: Stamp | undefined): void {
    if (flushBefore !== undefined && flushBefore > this.#flushBefore) this.#flushBefore = flushBefore;
  }

  async #followUp(followUps: readonly FollowUp[], failures: Failures, inTime: InTime): Promise<void> {
    await mapPool(followUps, followUpsAtOnce, ({ events, work }) =>
      failures.meet(events, () => inTime(work)),
    );
  }

  /** Keeps dead letters of what Firestore refused. Returns the events of those that Cloud Storage did not take. */
  async #buryRefused(results: readonly CommitResult[], inTime: InTime): Promise<Event[]> {
    const unkept: Event[] = [];
    await mapPool(results, followUpsAtOnce, async (result) => {
      if (result.outcome !== 'refused') return;
      const { message: detail, cause } = result.error;
      for (const event of result.events) {
        const letter = { reason: 'refused_by_firestore', detail, cause, content: { event } } as const;
        try {
          await inTime(() => this.#parts.deadLetters.keep(letter));
        } catch (error) {
          this.#parts.logger.warn('A dead letter is not kept yet', { reason: messageOf(error) });
          unkept.push(event);
        }
      }
    });
    return unkept;
  }

  /** Keeps what came dead; where that fails, its delivery must come again. */
  async #buryDead(dead: Intake['dead'], failures: Failures, inTime: InTime): Promise<void> {
    await mapPool(dead, followUpsAtOnce, ({ letter, from }) =>
      inTime(() => this.#parts.deadLetters.keep(letter)).catch((error: unknown) =>
        failures.addDelivery(from, error),
      ),
    );
  }

  /** Lets wait what this version cannot read, and what is for documents that it cannot read. */
  async #keepUnread(
    deliveries: readonly Delivery[],
    { unread, origins }: Intake,
    results: readonly CommitResult[],
    failures: Failures,
    inTime: InTime,
  ): Promise<void> {
    for (const result of results) {
      if (result.outcome !== 'unread') continue;
      for (const event of result.events) {
        const [from = 0] = origins.get(eventKey(event)) ?? [];
        addTo(unread, from, { unknown: eventLine(event), reason: result.detail });
      }
    }
    await mapPool([...deliveries.entries()], followUpsAtOnce, async ([from, { carrier }]) => {
      const lines = unread.get(from);
      if (lines === undefined) return;
      await inTime(() => keepUnreadLines(this.#parts, carrier, lines)).catch((error: unknown) =>
        failures.addDelivery(from, error),
      );
    });
  }

  /** Lets suspects wait: the events that our own code broke on. Where a service failed, their deliveries come again. */
  async #keepBroken(
    deliveries: readonly Delivery[],
    { origins }: Intake,
    results: readonly CommitResult[],
    failures: Failures,
    inTime: InTime,
  ): Promise<void> {
    const broken: Broken[] = [];
    for (const result of results) {
      if (result.outcome !== 'broken') continue;
      const { error } = result;
      if (isOwnFault(error)) for (const event of result.events) broken.push({ event, error });
      else failures.add(result.events, error);
    }
    await mapPool([...byTries(broken, deliveries, origins)], followUpsAtOnce, ([tries, suspects]) => {
      const events = suspects.map(({ event }) => event);
      return failures.meet(events, () => inTime(() => keepBroken(this.#parts, tries, suspects)));
    });
  }

  async #carry(
    { events, notBeforeMs }: Waiting,
    tries: number | undefined,
    failures: Failures,
    inTime: InTime,
  ): Promise<void> {
    if (events.length === 0) return;
    const { outbox, backoff } = this.#parts;
    const contents = { ...(await packEvents(events, earliestOf(events.map(({ stamp }) => stamp)))), tries };
    const dueMs = backoff.tickMs(notBeforeMs);
    await failures.meet(events, () => inTime(() => outbox.sendContents('flush', contents, dueMs)));
  }

  /** Logs the counts of a flush in one line. */
  #log(
    deliveries: readonly Delivery[],
    intake: Intake,
    results: readonly CommitResult[],
    carried: number,
    spentBefore: Operations,
  ): void {
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

function eventsOf(groups: readonly { events: readonly Event[] }[]): Event[] {
  const found: Event[] = [];
  for (const { events } of groups) append(found, events);
  return found;
}

/** When commits must be over, so that all of these are answered in time; those that waited long get a last chance. */
function deadlineOf(deliveries: readonly Delivery[], nowMs: number): number {
  const firstMs = Math.min(nowMs, smallest(deliveries.map(({ arrivedMs }) => arrivedMs)));
  return Math.max(firstMs + commitDeadlineMs, nowMs + leastCommitMs);
}
