import type { DeadlinePassed, TaskEvent } from '../events/event.ts';
import { deadlineStamp, stampMs } from '../events/stamp.ts';
import type { CommitResult } from '../flush/commitResult.ts';
import { append } from '../platform/arrays.ts';
import type { Clock } from '../platform/clock.ts';
import { type Outbox, packEvents } from '../staging/outbox.ts';
import { isAdoptedStamp } from './adoptedStamp.ts';
import { hasUncounted } from './answers.ts';
import { outcomeOf } from './outcome.ts';
import type { TaskState } from './state.ts';

const minuteMs = 60_000;

interface Booking {
  events: TaskEvent[];
  /** Throws as {@link Outbox.send}. */
  book(): Promise<void>;
}

/** Deadlines by when they are due, and the events that brought them. */
export type DueDeadlines = Map<number, { deadlines: DeadlinePassed[]; events: TaskEvent[] }>;

/** Sees to it that the deadline of every open task comes back as an event. */
export class DeadlineBook {
  readonly #outbox: Outbox;
  readonly #clock: Clock;

  constructor(outbox: Outbox, clock: Clock) {
    this.#outbox = outbox;
    this.#clock = clock;
  }

  /** Adds the {@link deadlineToBook} of each result: together those of a minute, and those that are past. */
  collect(results: readonly CommitResult<TaskEvent, TaskState>[], due: DueDeadlines): void {
    const nowMs = this.#clock.now();
    for (const result of results) {
      if (result.outcome !== 'committed') continue;
      const deadline = deadlineToBook(result.events, result.after);
      if (deadline === undefined) continue;
      const dueMs = Math.ceil(Math.max(nowMs, stampMs(deadline.stamp)) / minuteMs) * minuteMs;
      const minute = due.get(dueMs) ?? { deadlines: [], events: [] };
      due.set(dueMs, minute);
      minute.deadlines.push(deadline);
      append(minute.events, result.events);
    }
  }

  /** One booking for each minute: its carrier for `expire`, and the events that must come again where that fails. */
  bookings(due: DueDeadlines): Booking[] {
    return [...due].map(([dueMs, { deadlines, events }]) => ({
      events,
      book: async () => {
        await this.#outbox.sendContents('expire', await packEvents(deadlines, undefined), dueMs);
      },
    }));
  }
}

/**
 * The deadline that is to come back as an event, after these events led to this state: of an open task with its creation in
 * hand, adopted, or maybe opened again by other miners' names. Repeated by a redelivery, as a crash may have come before.
 */
export function deadlineToBook(events: readonly TaskEvent[], after: TaskState): DeadlinePassed | undefined {
  const { creation, taskId } = after;
  if (creation === undefined || outcomeOf(after).settled) return undefined;
  const isReopened = (): boolean =>
    events.some((event) => event.kind === 'patched' && Object.hasOwn(event.fields, 'assigned_miners')) &&
    hasUncounted(after);
  // A task that another system made never gets a creation.
  const isDue =
    events.some(({ kind }) => kind === 'created') || isAdoptedStamp(creation.stamp) || isReopened();
  return isDue ? { kind: 'deadline', taskId, stamp: deadlineStamp(creation.deadlineMs) } : undefined;
}
