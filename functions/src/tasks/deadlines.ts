import type { DeadlinePassed, TaskEvent } from '../events/event.ts';
import { deadlineStamp, isAdoptedStamp, stampMs } from '../events/stamp.ts';
import type { Committed, FollowUp } from '../flush/kind.ts';
import type { Clock } from '../platform/clock.ts';
import { type Outbox, packEvents } from '../staging/outbox.ts';
import { hasUncounted } from './answers.ts';
import { outcomeOf } from './outcome.ts';
import type { TaskState } from './state.ts';

const minuteMs = 60_000;

/**
 * Sees to it that the deadline of every open task comes back as an event: collects those of one flush, then books them.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #due: { dueMs: number; deadline: DeadlinePassed; events: readonly TaskEvent[] }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Adds the {@link deadlineToBook} of a commit: together those of a minute, and those that are past. */
  collect({ events, after }: Committed<TaskEvent, TaskState>): void {
    const deadline = deadlineToBook(events, after);
    if (deadline === undefined) return;
    const dueMs = Math.ceil(Math.max(this.#clock.now(), stampMs(deadline.stamp)) / minuteMs) * minuteMs;
    this.#due.push({ dueMs, deadline, events });
  }

  /** Books the deadlines: one carrier for `expire` for each minute. */
  bookings(outbox: Outbox): FollowUp[] {
    return [...Map.groupBy(this.#due, ({ dueMs }) => dueMs)].map(([dueMs, due]) => ({
      events: due.flatMap(({ events }) => events),
      work: async () => {
        const deadlines = due.map(({ deadline }) => deadline);
        await outbox.sendContents('expire', await packEvents(deadlines, undefined), dueMs);
      },
    }));
  }
}

/**
 * Makes the deadline that is to come back as an event, after these events led to this state: for an open task with
 * its creation in hand, adopted, or maybe opened again by other miners' names. Repeated by a redelivery, as a
 * crash may have come before.
 */
export function deadlineToBook(events: readonly TaskEvent[], after: TaskState): DeadlinePassed | undefined {
  const { creation, taskId } = after;
  if (creation === undefined || outcomeOf(after).isDecided) return undefined;
  const isReopened = (): boolean =>
    events.some((event) => event.kind === 'patched' && Object.hasOwn(event.fields, 'assigned_miners')) &&
    hasUncounted(after);
  // A task that another system made never gets a creation.
  const isDue =
    events.some(({ kind }) => kind === 'created') || isAdoptedStamp(creation.stamp) || isReopened();
  return isDue ? { kind: 'deadline', taskId, stamp: deadlineStamp(creation.deadlineMs) } : undefined;
}
