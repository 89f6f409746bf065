import type { DocumentState } from '../documents/state.ts';
import { eventLine } from '../events/carrier.ts';
import { type Event, eventKey, type OperationAccepted, type TaskEvent } from '../events/event.ts';
import { earliestOf, earliestStamp, type Stamp } from '../events/stamp.ts';
import { append, largest, smallest } from '../platform/arrays.ts';
import type { Clock } from '../platform/clock.ts';
import type { DocumentError } from '../platform/documents.ts';
import { AppError, messageOf } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import { mapPool } from '../platform/pool.ts';
import { within } from '../platform/within.ts';
import { each, type Operations } from '../quota/operations.ts';
import { type Outbox, packEvents } from '../staging/outbox.ts';
import { nextTickMs } from '../staging/tick.ts';
import type { TaskBodies } from '../tasks/bodies.ts';
import type { DeadlineBook, DueDeadlines } from '../tasks/deadlines.ts';
import type { OrphanCounter } from '../tasks/orphans.ts';
import { isTaskReady, operationsReady, type ReadinessRules } from '../tasks/readiness.ts';
import type { TaskState } from '../tasks/state.ts';
import { isOwnFault } from './apart.ts';
import type { CommitResult } from './commitResult.ts';
import type { Committer } from './committer.ts';
import type { DeadLetter, DeadLetters } from './deadLetters.ts';
import type { Delivery } from './delivery.ts';
import { Failures } from './failures.ts';
import { addTo, type EventGroup, type Intake, takeIn } from './intake.ts';
import { carryMs, commitDeadlineMs, leastCommitMs, maxParkMs, settleMs, settlingAtOnce } from './limits.ts';
import { type Broken, byTries, keepBroken } from './suspects.ts';
import { keepUnreadLines } from './unread.ts';

export interface FlusherOptions {
  tasks: Committer<TaskEvent, TaskState>;
  documents: Committer<OperationAccepted, DocumentState>;
  bodies: TaskBodies;
  deadlines: DeadlineBook;
  deadLetters: DeadLetters;
  orphans: OrphanCounter;
  outbox: Outbox;
  clock: Clock;
  logger: Logger;
  rules: ReadinessRules;
  tickMs: number;
  /** Operations of Firestore that flushes have cost this process. */
  spent(): Operations;
}

/** Does some work unless its time is over, and no longer than that. */
type InTime = <Outcome>(work: () => Promise<Outcome>) => Promise<Outcome>;

type TaskResult = CommitResult<TaskEvent, TaskState>;

/** The outcome of some events, without the documents, for which memory has no room. */
type Result = CommitResult<Event, undefined>;

/** What one flush did, for its log line. */
interface Counts {
  carriers: number;
  events: number;
  tasks: number;
  documents: number;
  responses: number;
  operations: number;
  written: number;
  carried: number;
  dead_letters: number;
  unread: number;
  duplicates: number;
  quota_spent: Operations;
}

/**
 * Works on the deliveries that were gathered: commits what is ready, then carries the rest, and only then lets them be
 * acknowledged. A crash in between leaves copies, which stamps and the reducer make harmless.
 */
export class Flusher {
  readonly #options: FlusherOptions;
  #flushBefore: Stamp = earliestStamp;
  #failuresInRow = 0;
  #parkedUntilMs = 0;
  #heldUntilMs = 0;

  constructor(options: FlusherOptions) {
    this.#options = options;
  }

  /** Until when Firestore is left alone, after it failed; carriers that come before then go back unopened. */
  get parkedUntilMs(): number {
    return this.#parkedUntilMs;
  }

  /** Whether each delivery may be acknowledged; a rejected one must be delivered again. */
  async flush(deliveries: readonly Delivery[]): Promise<PromiseSettledResult<void>[]> {
    const { clock, tasks, documents, rules, deadlines, orphans } = this.#options;
    const nowMs = clock.now();
    const spentBefore = this.#options.spent();
    for (const { carrier } of deliveries) this.#remember(carrier.flushBefore);
    const intake = takeIn(deliveries, nowMs);
    const isParked = this.#isParked(deliveries, nowMs);
    const isTask = (group: EventGroup<TaskEvent>): boolean =>
      orReady(() => isTaskReady(group, tasks.lastKnown(group.path), nowMs, this.#flushBefore, rules));
    const isDocument = operationsReady(intake.documents, nowMs, this.#flushBefore, rules);
    const taskWork = divided(intake.tasks, (group) => !isParked && isTask(group));
    const documentWork = divided(intake.documents, (group) => !isParked && isDocument(group));
    const deadlineMs = deadlineOf(deliveries, nowMs);
    const rest = [...taskWork.rest, ...documentWork.rest];
    const failed = new Failures(intake.origins);
    const results: Result[] = [];
    const due: DueDeadlines = new Map();
    await Promise.all([
      eachRound(tasks.commit(taskWork.ready, deadlineMs), results, async (round) => {
        orphans.count(round);
        deadlines.collect(round, due);
        await this.#keepBodies(round, failed, this.#within(settleMs));
      }),
      eachRound(documents.commit(documentWork.ready, deadlineMs), results),
    ]);
    this.#park(results);
    const inTime = this.#within(settleMs);
    const [{ kept, held }] = await Promise.all([
      this.#settle(results, inTime),
      this.#bookDeadlines(due, failed, inTime),
      this.#buryDead(intake.dead, failed, inTime),
      this.#keepUnread(deliveries, intake, results, failed, inTime),
      this.#keepBroken(deliveries, intake, results, failed, inTime),
      inTime(() => orphans.save()).catch(() => undefined),
    ]);
    const carryInTime = this.#within(carryMs);
    // A suspect is alone here, and stays one.
    const tries = deliveries.length === 1 ? deliveries[0]?.carrier.tries : undefined;
    await Promise.all([
      this.#carry([...rest, ...kept], this.#parkedUntilMs, tries, failed, carryInTime),
      this.#carry(held, this.#holdUntil(results), tries, failed, carryInTime),
    ]);
    const carried = rest.length + kept.length + held.length;
    this.#log(deliveries, intake, results, carried, spentBefore);
    return deliveries.map((_, index) => failed.outcome(index));
  }

  /** Ends what takes longer than this from now on: a call that hangs costs the delivery of its own events, nothing else. */
  #within(ms: number): InTime {
    const { clock } = this.#options;
    const untilMs = clock.now() + ms;
    const late = () => new AppError('unavailable', 'What follows a commit took too long; it comes again.');
    return async (work) => {
      if (clock.now() >= untilMs) throw late();
      return within(clock, untilMs - clock.now(), work(), late);
    };
  }

  /** What was gathered while another flush found that Firestore fails goes back as well, unless a flush was asked for. */
  #isParked(deliveries: readonly Delivery[], nowMs: number): boolean {
    return (
      this.#parkedUntilMs > nowMs && deliveries.every(({ carrier }) => carrier.flushBefore === undefined)
    );
  }

  #remember(flushBefore: Stamp | undefined): void {
    if (flushBefore !== undefined && flushBefore > this.#flushBefore) this.#flushBefore = flushBefore;
  }

  /**
   * After Firestore failed, waits longer each time; where the quota is short, until it may be worth another try. The
   * first success ends that.
   */
  #park(results: readonly Result[]): void {
    const errors = results.flatMap((result) =>
      result.outcome === 'failed' && !isHeld(result.error) ? [result.error] : [],
    );
    const hasWritten = results.some((result) => result.outcome === 'committed' && result.hasWritten);
    if (hasWritten) {
      this.#failuresInRow = 0;
      this.#parkedUntilMs = 0;
      return;
    }
    const { clock, tickMs } = this.#options;
    const retryMs = largest(errors.map(({ retryAtMs }) => retryAtMs ?? Number.NEGATIVE_INFINITY));
    if (retryMs > clock.now()) this.#parkedUntilMs = retryMs;
    // A flush that asked nothing of Firestore says nothing about it.
    if (!errors.some(({ failure, retryAtMs }) => failure !== 'conflict' && retryAtMs === undefined)) return;
    this.#failuresInRow += 1;
    const pauseMs = Math.min(maxParkMs, tickMs * 2 ** (this.#failuresInRow - 1));
    this.#parkedUntilMs = Math.max(retryMs, clock.now() + pauseMs);
  }

  /** When what waits for reads or deletes comes again: together with what waits already, so that few carriers hold it. */
  #holdUntil(results: readonly Result[]): number {
    const nowMs = this.#options.clock.now();
    const retryMs = results.flatMap((result) =>
      result.outcome === 'failed' && isHeld(result.error) ? [result.error.retryAtMs ?? nowMs] : [],
    );
    const untilMs = Math.max(nowMs, largest(retryMs));
    if (retryMs.length > 0)
      this.#heldUntilMs = this.#heldUntilMs > nowMs ? Math.min(this.#heldUntilMs, untilMs) : untilMs;
    return this.#heldUntilMs;
  }

  /**
   * Keeps dead letters of what was refused. Returns the events that must be kept; those `held` wait for reads or deletes, which
   * others can do without.
   */
  async #settle(results: readonly Result[], inTime: InTime): Promise<{ kept: Event[]; held: Event[] }> {
    const kept: Event[] = [];
    const held: Event[] = [];
    await mapPool(results, settlingAtOnce, async (result) => {
      if (result.outcome === 'failed') append(isHeld(result.error) ? held : kept, result.events);
      else if (result.outcome === 'refused') {
        for (const event of result.events) {
          if (!(await this.#bury(refused(event, result.error), inTime))) kept.push(event);
        }
      }
    });
    return { kept, held };
  }

  /** Looks after the bodies of tasks that were committed. */
  async #keepBodies(results: readonly TaskResult[], failed: Failures, inTime: InTime): Promise<void> {
    await mapPool(results, settlingAtOnce, async (result) => {
      if (result.outcome !== 'committed') return;
      await failed.meet(result.events, () => inTime(() => this.#options.bodies.settle(result)));
    });
  }

  async #bookDeadlines(due: DueDeadlines, failed: Failures, inTime: InTime): Promise<void> {
    await mapPool(this.#options.deadlines.bookings(due), settlingAtOnce, ({ events, book }) =>
      failed.meet(events, () => inTime(book)),
    );
  }

  /** Keeps what came dead; where that fails, its delivery must come again. */
  async #buryDead(dead: Intake['dead'], failed: Failures, inTime: InTime): Promise<void> {
    await mapPool(dead, settlingAtOnce, ({ letter, from }) =>
      inTime(() => this.#options.deadLetters.keep(letter)).catch((error: unknown) =>
        failed.addDelivery(from, error),
      ),
    );
  }

  /** Lets wait what this version cannot read, and what is for documents that it cannot read. */
  async #keepUnread(
    deliveries: readonly Delivery[],
    { unread, origins }: Intake,
    results: readonly Result[],
    failed: Failures,
    inTime: InTime,
  ): Promise<void> {
    for (const result of results) {
      if (result.outcome !== 'unread') continue;
      for (const event of result.events) {
        const [from = 0] = origins.get(eventKey(event)) ?? [];
        addTo(unread, from, { unknown: eventLine(event), reason: result.detail });
      }
    }
    await mapPool([...deliveries.entries()], settlingAtOnce, async ([from, { carrier }]) => {
      const lines = unread.get(from);
      if (lines === undefined) return;
      await inTime(() => keepUnreadLines(this.#options, carrier, lines)).catch((error: unknown) =>
        failed.addDelivery(from, error),
      );
    });
  }

  /** Lets suspects wait: the events that our own code broke on. Where a service failed, their deliveries come again. */
  async #keepBroken(
    deliveries: readonly Delivery[],
    { origins }: Intake,
    results: readonly Result[],
    failed: Failures,
    inTime: InTime,
  ): Promise<void> {
    const broken: Broken[] = [];
    for (const result of results) {
      if (result.outcome !== 'broken') continue;
      const { error } = result;
      if (isOwnFault(error)) for (const event of result.events) broken.push({ event, error });
      else failed.add(result.events, error);
    }
    await mapPool([...byTries(broken, deliveries, origins)], settlingAtOnce, ([tries, suspects]) => {
      const events = suspects.map(({ event }) => event);
      return failed.meet(events, () => inTime(() => keepBroken(this.#options, tries, suspects)));
    });
  }

  /** Whether Cloud Storage took a dead letter. */
  async #bury(letter: DeadLetter, inTime: InTime): Promise<boolean> {
    try {
      await inTime(() => this.#options.deadLetters.keep(letter));
      return true;
    } catch (error) {
      this.#options.logger.warn('A dead letter is not kept yet', { reason: messageOf(error) });
      return false;
    }
  }

  async #carry(
    events: readonly Event[],
    notBeforeMs: number,
    tries: number | undefined,
    failed: Failures,
    inTime: InTime,
  ): Promise<void> {
    if (events.length === 0) return;
    const { outbox, clock, tickMs } = this.#options;
    const oldest = earliestOf(events.map(({ stamp }) => stamp));
    const contents = { ...(await packEvents(events, oldest)), tries };
    const dueMs = nextTickMs(Math.max(clock.now(), notBeforeMs), tickMs);
    await failed.meet(events, () => inTime(() => outbox.sendContents('flush', contents, dueMs)));
  }

  #log(
    deliveries: readonly Delivery[],
    intake: Intake,
    results: readonly Result[],
    carried: number,
    spentBefore: Operations,
  ): void {
    const spent = this.#options.spent();
    const counts: Counts = {
      carriers: deliveries.length,
      events: intake.origins.size,
      tasks: intake.tasks.length,
      documents: intake.documents.length,
      responses: count(intake.tasks, ({ kind }) => kind === 'response'),
      operations: count(intake.documents, () => true),
      written: results.filter((result) => result.outcome === 'committed' && result.hasWritten).length,
      carried,
      dead_letters: intake.dead.length + results.filter(({ outcome }) => outcome === 'refused').length,
      unread: [...intake.unread.values()].reduce((sum, { length }) => sum + length, 0),
      duplicates: intake.duplicates,
      quota_spent: each((type) => spent[type] - spentBefore[type]),
    };
    this.#options.logger.info('Flushed', { ...counts });
  }
}

/** Looks after each round of commits before the next begins, and keeps what must be known of it in the end. */
async function eachRound<E extends Event, State>(
  rounds: AsyncIterable<CommitResult<E, State>[]>,
  results: Result[],
  settle?: (round: CommitResult<E, State>[]) => Promise<void>,
): Promise<void> {
  for await (const round of rounds) {
    await settle?.(round);
    for (const result of round)
      results.push(
        result.outcome === 'committed' ? { ...result, before: undefined, after: undefined } : result,
      );
  }
}

/** A group that our own code breaks on is ready: the commit tells which event that is. */
function orReady(isReady: () => boolean): boolean {
  try {
    return isReady();
  } catch {
    return true;
  }
}

/** The documents that may be written now, and the events of those that wait. */
function divided<E extends Event>(
  groups: readonly EventGroup<E>[],
  isReady: (group: EventGroup<E>) => boolean,
): { ready: EventGroup<E>[]; rest: E[] } {
  const ready: EventGroup<E>[] = [];
  const rest: E[] = [];
  for (const group of groups) {
    if (isReady(group)) ready.push(group);
    else append(rest, group.events);
  }
  return { ready, rest };
}

/** When commits must be over, so that all of these are answered in time; those that waited long get a last chance. */
function deadlineOf(deliveries: readonly Delivery[], nowMs: number): number {
  const firstMs = Math.min(nowMs, smallest(deliveries.map(({ arrivedMs }) => arrivedMs)));
  return Math.max(firstMs + commitDeadlineMs, nowMs + leastCommitMs);
}

/** Whether only what needs the same must wait: writes are needed by all. */
function isHeld({ short }: DocumentError): boolean {
  return short === 'reads' || short === 'deletes';
}

function count<E extends Event>(groups: readonly EventGroup<E>[], isCounted: (event: E) => boolean): number {
  return groups.reduce((sum, { events }) => sum + events.filter(isCounted).length, 0);
}

function refused(event: Event, { message, cause }: DocumentError): DeadLetter {
  return { reason: 'refused_by_firestore', detail: message, cause, content: { event } };
}
