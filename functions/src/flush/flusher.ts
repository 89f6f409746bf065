import { type Carrier, eventLine } from '../events/carrier.ts';
import { type Event, eventKey, type TaskEvent } from '../events/event.ts';
import { earliestOf, earliestStamp, type Stamp, stampMs } from '../events/stamp.ts';
import type { Clock } from '../platform/clock.ts';
import { messageOf } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import { type Outbox, packEvents } from '../staging/outbox.ts';
import { nextTickMs } from '../staging/tick.ts';
import type { TaskBodies } from './bodies.ts';
import type { CommitResult, TaskCommitter } from './commit.ts';
import type { DeadLetter, DeadLetters } from './deadLetters.ts';
import type { DeadlineBook } from './deadlines.ts';
import type { Delivery } from './delivery.ts';
import { earlyMs, maxEventAgeMs, maxParkMs } from './limits.ts';
import { mapPool } from './pool.ts';
import { isReady, type ReadinessRules, type TaskGroup } from './readiness.ts';
import type { TaskCache } from './taskCache.ts';

export interface FlusherOptions {
  committer: TaskCommitter;
  bodies: TaskBodies;
  deadlines: DeadlineBook;
  deadLetters: DeadLetters;
  cache: TaskCache;
  outbox: Outbox;
  clock: Clock;
  logger: Logger;
  rules: ReadinessRules;
  tickMs: number;
}

/** What one flush did, for its log line. */
interface Counts {
  carriers: number;
  events: number;
  tasks: number;
  written: number;
  carried: number;
  dead_letters: number;
  duplicates: number;
}

interface Intake {
  groups: TaskGroup[];
  /** What can never be applied, and the delivery that brought it. */
  dead: { letter: DeadLetter; from: number }[];
  /** The deliveries, by index, that brought an event. */
  origins: Map<string, number[]>;
  duplicates: number;
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

  constructor(options: FlusherOptions) {
    this.#options = options;
  }

  /** Until when Firestore is left alone, after it failed; carriers that come before then go back unopened. */
  get parkedUntilMs(): number {
    return this.#parkedUntilMs;
  }

  /** Whether each delivery may be acknowledged; a rejected one must be delivered again. */
  async flush(deliveries: readonly Delivery[]): Promise<PromiseSettledResult<void>[]> {
    const { clock, cache, rules, committer } = this.#options;
    const nowMs = clock.now();
    for (const { carrier } of deliveries) this.#remember(carrier.flushBefore);
    const intake = takeIn(deliveries, nowMs);
    const ready: TaskGroup[] = [];
    const rest: TaskEvent[] = [];
    for (const group of intake.groups) {
      if (isReady(group, cache.get(group.taskId)?.state, nowMs, this.#flushBefore, rules)) ready.push(group);
      else rest.push(...group.events);
    }
    const results = await committer.commit(ready);
    this.#park(results);
    const failed = new Map<number, unknown>();
    const kept = await this.#settle(results, intake, failed);
    await this.#carry([...rest, ...kept]);
    this.#log(deliveries, intake, results, rest.length + kept.length);
    return deliveries.map((_, index) =>
      failed.has(index)
        ? { status: 'rejected', reason: failed.get(index) }
        : { status: 'fulfilled', value: undefined },
    );
  }

  #remember(flushBefore: Stamp | undefined): void {
    if (flushBefore !== undefined && flushBefore > this.#flushBefore) this.#flushBefore = flushBefore;
  }

  /** After Firestore failed, waits longer each time; the first success ends that. */
  #park(results: readonly CommitResult[]): void {
    const isFailed = results.some((result) => result.outcome === 'failed' && result.failure !== 'conflict');
    const hasWritten = results.some((result) => result.outcome === 'committed' && result.hasWritten);
    if (hasWritten) {
      this.#failuresInRow = 0;
      this.#parkedUntilMs = 0;
      return;
    }
    // A flush that asked nothing of Firestore says nothing about it.
    if (!isFailed) return;
    this.#failuresInRow += 1;
    const { clock, tickMs } = this.#options;
    this.#parkedUntilMs = clock.now() + Math.min(maxParkMs, tickMs * 2 ** (this.#failuresInRow - 1));
  }

  /** What follows a commit: bodies, deadlines, dead letters. Returns the events that must be kept. */
  async #settle(
    results: readonly CommitResult[],
    { dead, origins }: Intake,
    failed: Map<number, unknown>,
  ): Promise<TaskEvent[]> {
    const { bodies, deadlines } = this.#options;
    const fail = (events: readonly Event[], error: unknown): void => {
      for (const event of events)
        for (const index of origins.get(eventKey(event)) ?? []) failed.set(index, error);
    };
    const kept: TaskEvent[] = [];
    const letters: DeadLetter[] = [];
    await mapPool(results, 20, async (result) => {
      if (result.outcome === 'failed') kept.push(...result.events);
      else if (result.outcome === 'broken') fail(result.events, result.error);
      else if (result.outcome === 'refused')
        letters.push(...result.events.map((event) => refused(event, result.detail)));
      else {
        try {
          await bodies.settle(result);
        } catch (error) {
          fail(result.events, error);
        }
      }
    });
    kept.push(...(await this.#bury(letters)));
    for (const { letter, from } of dead) {
      await this.#options.deadLetters.keep(letter).catch((error: unknown) => failed.set(from, error));
    }
    await deadlines.book(results);
    return kept;
  }

  /** Keeps dead letters; the events of those that Cloud Storage does not take now are returned. */
  async #bury(letters: readonly DeadLetter[]): Promise<TaskEvent[]> {
    const kept: TaskEvent[] = [];
    await mapPool(letters, 8, async (letter) => {
      try {
        await this.#options.deadLetters.keep(letter);
      } catch (error) {
        this.#options.logger.warn('A dead letter is not kept yet', { reason: messageOf(error) });
        if ('event' in letter.content) kept.push(letter.content.event);
      }
    });
    return kept;
  }

  async #carry(events: readonly TaskEvent[]): Promise<void> {
    if (events.length === 0) return;
    const { outbox, clock, tickMs } = this.#options;
    const oldest = earliestOf(events.map(({ stamp }) => stamp));
    const contents = await packEvents(events.map(eventLine), oldest);
    await outbox.sendContents(
      'flush',
      contents,
      nextTickMs(Math.max(clock.now(), this.#parkedUntilMs), tickMs),
    );
  }

  #log(
    deliveries: readonly Delivery[],
    intake: Intake,
    results: readonly CommitResult[],
    carried: number,
  ): void {
    const counts: Counts = {
      carriers: deliveries.length,
      events: intake.origins.size,
      tasks: intake.groups.length,
      written: results.filter((result) => result.outcome === 'committed' && result.hasWritten).length,
      carried,
      dead_letters: intake.dead.length + results.filter(({ outcome }) => outcome === 'refused').length,
      duplicates: intake.duplicates,
    };
    this.#options.logger.info('Flushed', { ...counts });
  }
}

/** Sorts out what came: each event once, by task; what can never be applied apart. */
function takeIn(deliveries: readonly Delivery[], nowMs: number): Intake {
  const groups = new Map<string, TaskGroup>();
  const origins = new Map<string, number[]>();
  const dead: Intake['dead'] = [];
  let duplicates = 0;
  for (const [index, { carrier, events }] of deliveries.entries()) {
    const isForced = carrier.dueMs - nowMs > earlyMs;
    for (const unpacked of events) {
      if ('invalid' in unpacked) {
        dead.push({ letter: unreadable(unpacked.invalid, unpacked.reason), from: index });
        continue;
      }
      const { event } = unpacked;
      if (nowMs - stampMs(event.stamp) > maxEventAgeMs) {
        dead.push({ letter: tooOld(event), from: index });
        continue;
      }
      const group = groups.get(event.taskId) ?? { taskId: event.taskId, events: [], isForced: false };
      groups.set(event.taskId, group);
      group.isForced ||= isForced;
      const known = origins.get(eventKey(event));
      if (known === undefined) {
        origins.set(eventKey(event), [index]);
        group.events.push(event);
      } else {
        known.push(index);
        duplicates += 1;
      }
    }
  }
  return { groups: [...groups.values()], dead, origins, duplicates };
}

function unreadable(raw: string, detail: string): DeadLetter {
  return { reason: 'unreadable', detail, content: { raw } };
}

function tooOld(event: Event): DeadLetter {
  const detail = `Accepted ${new Date(stampMs(event.stamp)).toISOString()}; at most 45 days are allowed.`;
  return { reason: 'too_old', detail, content: { event } };
}

function refused(event: Event, detail: string): DeadLetter {
  return { reason: 'refused_by_firestore', detail, content: { event } };
}

/** The carrier again, unopened, due at another time. */
export function postponed(carrier: Carrier, dueMs: number): Carrier {
  return { ...carrier, dueMs };
}
