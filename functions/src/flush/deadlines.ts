import type { DeadlinePassed, TaskEvent } from '../events/event.ts';
import { deadlineStamp, stampMs } from '../events/stamp.ts';
import { type Outbox, packEvents } from '../staging/outbox.ts';
import { answersOf } from '../tasks/answers.ts';
import { isAdoptedStamp } from '../tasks/document.ts';
import { outcomeOf } from '../tasks/outcome.ts';
import type { TaskState } from '../tasks/state.ts';
import type { CommitResult } from './committer.ts';

const minuteMs = 60_000;

/** Sees to it that the deadline of every open task comes back as an event. */
export class DeadlineBook {
  readonly #outbox: Outbox;

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  /** Puts {@link deadlineToBook} of each result into a carrier for `expire`, one for each minute. */
  async book(results: readonly CommitResult<TaskEvent, TaskState>[]): Promise<void> {
    const byMinute = new Map<number, DeadlinePassed[]>();
    for (const result of results) {
      if (result.outcome !== 'committed') continue;
      const deadline = deadlineToBook(result.events, result.after);
      if (deadline === undefined) continue;
      const dueMs = Math.ceil(stampMs(deadline.stamp) / minuteMs) * minuteMs;
      const events = byMinute.get(dueMs) ?? [];
      byMinute.set(dueMs, events);
      events.push(deadline);
    }
    for (const [dueMs, events] of byMinute) {
      await this.#outbox.sendContents('expire', await packEvents(events, undefined), dueMs);
    }
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
    answersOf(after).some(({ countsFrom }) => countsFrom === undefined);
  // Of a task that another system made no creation ever comes.
  const isDue =
    events.some(({ kind }) => kind === 'created') || isAdoptedStamp(creation.stamp) || isReopened();
  return isDue ? { kind: 'deadline', taskId, stamp: deadlineStamp(creation.deadlineMs) } : undefined;
}
