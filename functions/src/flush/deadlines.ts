import type { DeadlinePassed, TaskEvent } from '../events/event.ts';
import { deadlineStamp } from '../events/stamp.ts';
import { type Outbox, packEvents } from '../staging/outbox.ts';
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

  /**
   * For each result with a creation in hand, or of an adopted task, and its task still open, puts the deadline into a carrier for `expire`,
   * one for each minute. Repeated by a redelivery, as a crash may have come before.
   */
  async book(results: readonly CommitResult<TaskEvent, TaskState>[]): Promise<void> {
    const byMinute = new Map<number, DeadlinePassed[]>();
    for (const result of results) {
      if (result.outcome !== 'committed') continue;
      const { creation } = result.after;
      if (creation === undefined || outcomeOf(result.after).settled) continue;
      // Of a task that another system made no creation ever comes.
      const isBooked =
        !result.events.some(({ kind }) => kind === 'created') && !isAdoptedStamp(creation.stamp);
      if (isBooked) continue;
      const dueMs = Math.ceil(creation.deadlineMs / minuteMs) * minuteMs;
      const events = byMinute.get(dueMs) ?? [];
      byMinute.set(dueMs, events);
      events.push({
        kind: 'deadline',
        taskId: result.after.taskId,
        stamp: deadlineStamp(creation.deadlineMs),
      });
    }
    for (const [dueMs, events] of byMinute) {
      await this.#outbox.sendContents('expire', await packEvents(events, undefined), dueMs);
    }
  }
}
