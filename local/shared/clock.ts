/** A timer handle of a {@link LocalClock}. */
export interface LocalTimer {
  readonly dueMs: number;
  readonly run: () => void;
}

/**
 * The stack's one clock: the machine's, plus an offset that only grows. Timers are due in this time, so moving
 * the offset makes them due at once; nothing ever runs before it is due.
 */
export interface LocalClock {
  /** Milliseconds since the epoch, in the stack's time. */
  now(): number;
  setTimeout(run: () => void, delayMs: number): LocalTimer;
  clearTimeout(timer: LocalTimer | undefined): void;
  /** When the earliest pending timer is due, or undefined when none is pending. */
  nextDueMs(): number | undefined;
  /** Milliseconds this clock is ahead of the machine's. */
  offsetMs(): number;
  /** Moves the offset forward (never back) and runs, in order, what is due by then. */
  setOffsetMs(offsetMs: number): void;
}

/** A clock over the machine's own, for the stack's process and, with the offset sent to it, for each instance. */
export class OffsetClock implements LocalClock {
  #offsetMs = 0;
  readonly #timers = new Set<LocalTimer>();
  #armed: NodeJS.Timeout | undefined;

  now(): number {
    return Date.now() + this.#offsetMs;
  }

  setTimeout(run: () => void, delayMs: number): LocalTimer {
    const timer: LocalTimer = { dueMs: this.now() + Math.max(0, delayMs), run };
    this.#timers.add(timer);
    this.#arm();
    return timer;
  }

  clearTimeout(timer: LocalTimer | undefined): void {
    if (timer !== undefined && this.#timers.delete(timer)) this.#arm();
  }

  nextDueMs(): number | undefined {
    let due: number | undefined;
    for (const timer of this.#timers) if (due === undefined || timer.dueMs < due) due = timer.dueMs;
    return due;
  }

  offsetMs(): number {
    return this.#offsetMs;
  }

  setOffsetMs(offsetMs: number): void {
    this.#offsetMs = Math.max(this.#offsetMs, offsetMs);
    this.#arm();
  }

  #arm(): void {
    clearTimeout(this.#armed);
    const due = this.nextDueMs();
    if (due === undefined) return;
    this.#armed = setTimeout(() => this.#fire(), Math.min(Math.max(0, due - this.now()), 0x7fffffff));
  }

  #fire(): void {
    const now = this.now();
    const due = [...this.#timers].filter((timer) => timer.dueMs <= now).sort((a, b) => a.dueMs - b.dueMs);
    for (const timer of due) {
      if (this.#timers.delete(timer)) timer.run();
    }
    this.#arm();
  }
}
