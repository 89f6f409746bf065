import type { Dispatch } from '../../functions/src/flush/delivery.ts';
import type { TaskQueue } from '../../functions/src/platform/cloudTasks.ts';
import { AppError } from '../../functions/src/platform/errors.ts';
import type { ManualClock } from './clock.ts';
import { allDone, type Decide, meet } from './fate.ts';

type QueueName = 'flush' | 'expire';

interface QueuedTask {
  id: number;
  queue: QueueName;
  data: Record<string, unknown>;
  dueMs: number;
  /** Deliveries so far that were not acknowledged. */
  retryCount: number;
}

/**
 * Cloud Tasks in small: due times, at-least-once delivery, retries with growing pauses for ever, no order. Deliveries
 * happen when the clock is moved.
 */
export class MemoryTasks {
  readonly #clock: ManualClock;
  #ids = 0;
  /** Tasks that are queued or being delivered, by id. */
  readonly queued = new Map<number, QueuedTask>();
  /** Tasks that were ever put, in order. */
  readonly put: QueuedTask[] = [];
  /** The target of deliveries; without one they wait. */
  deliver: ((task: QueuedTask, dispatch: Dispatch) => Promise<void>) | undefined;
  /** Extra milliseconds before a delivery. */
  delayMs: () => number = () => 0;
  /** The number of times that a task is delivered, although once would do. */
  copies: () => number = () => 1;
  /** The official emulator delivers at once. */
  ignoresSchedule = false;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  /** A queue as one caller sees it. Operations: `tasks.put flush`, `tasks.put expire`. */
  connect(queue: QueueName, decide: Decide = allDone): TaskQueue {
    return {
      put: (data, dueMs) =>
        meet(
          decide(`tasks.put ${queue}`),
          () => this.#enqueue(queue, data, dueMs),
          () => new AppError('unavailable', 'Cloud Tasks is down.'),
        ),
    };
  }

  in(queue: QueueName): QueuedTask[] {
    return [...this.queued.values()].filter((task) => task.queue === queue);
  }

  /** Tries again at once what waits for its next retry or its due time. */
  retryNow(task: QueuedTask): Promise<void> {
    return this.#run(task);
  }

  #enqueue(queue: QueueName, data: Record<string, unknown>, dueMs: number): string {
    this.#ids += 1;
    // What is sent is text: nothing shared, nothing undefined.
    const task = { id: this.#ids, queue, data: JSON.parse(JSON.stringify(data)), dueMs, retryCount: 0 };
    this.queued.set(task.id, task);
    this.put.push(task);
    const waitMs = this.ignoresSchedule ? 0 : dueMs - this.#clock.now();
    for (let copy = this.copies(); copy > 0; copy -= 1) this.#schedule(task, waitMs + this.delayMs());
    return String(task.id);
  }

  #schedule(task: QueuedTask, delayMs: number): void {
    this.#clock.setTimeout(() => void this.#run(task), delayMs);
  }

  async #run(task: QueuedTask): Promise<void> {
    if (!this.queued.has(task.id) || this.deliver === undefined) return;
    try {
      await this.deliver(task, { data: structuredClone(task.data), retryCount: task.retryCount });
      this.queued.delete(task.id);
    } catch {
      if (!this.queued.has(task.id)) return;
      task.retryCount += 1;
      this.#schedule(task, Math.min(60, 2 ** (task.retryCount - 1)) * 1000 + this.delayMs());
    }
  }
}
