import type { Clock } from '../../functions/src/platform/clock.ts';
import { idle } from './idle.ts';

/** The start of the tests' time: a multiple of every tick and a whole minute. */
export const startMs = Date.UTC(2026, 0, 1);

interface Timer {
  dueMs: number;
  order: number;
  task: () => void;
}

/** A clock that stands until a test moves it; what its timers set off has ended before it moves on. */
export class ManualClock implements Clock {
  #nowMs = startMs;
  #order = 0;
  readonly #timers = new Set<Timer>();

  now(): number {
    return this.#nowMs;
  }

  setTimeout(task: () => void, delayMs: number): Timer {
    this.#order += 1;
    const timer = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#order, task };
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(handle: unknown): void {
    this.#timers.delete(handle as Timer);
  }

  /** Timers that have not fired. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Moves the time on by `ms`, from due moment to due moment. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await idle();
    for (let timer = this.#next(endMs); timer !== undefined; timer = this.#next(endMs)) {
      this.#nowMs = Math.max(this.#nowMs, timer.dueMs);
      this.#fireDue();
      await idle();
    }
    this.#nowMs = endMs;
  }

  /** Sets the time without firing anything: a machine's clock that is put right. */
  jumpTo(ms: number): void {
    this.#nowMs = ms;
  }

  #fireDue(): void {
    for (let timer = this.#next(this.#nowMs); timer !== undefined; timer = this.#next(this.#nowMs)) {
      this.#timers.delete(timer);
      timer.task();
    }
  }

  #next(untilMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs > untilMs) continue;
      const isSooner =
        next === undefined ||
        timer.dueMs < next.dueMs ||
        (timer.dueMs === next.dueMs && timer.order < next.order);
      if (isSooner) next = timer;
    }
    return next;
  }
}
