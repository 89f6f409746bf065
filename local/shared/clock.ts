/** Longer delays overflow the machine's timers; the clock then wakes early and waits again. */
const maxMachineDelayMs = 0x7fffffff;

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
  /** The time at which it stands still, before its offset; undefined where it follows the machine. */
  readonly standsAtMs?: number | undefined;
  /** Milliseconds since the epoch, in the stack's time. */
  now(): number;
  setTimeout(run: () => void, delayMs: number): LocalTimer;
  clearTimeout(timer: LocalTimer | undefined): void;
  /** The time of the earliest pending timer, or undefined when none is pending. */
  nextDueMs(): number | undefined;
  /** Milliseconds this clock is ahead of the machine's. */
  offsetMs(): number;
  /** Moves the offset forward (never back) and runs, in order, what is due by then. */
  setOffsetMs(offsetMs: number): void;
}

/**
 * A clock over the machine's own, for the stack's process and, with the offset sent to it, for each instance. One that
 * stands still moves by its offset alone: what happens then takes no time but what waits for a timer.
 * Setting and clearing a timer is cheap with hundreds pending (every open request has one): the machine's timer
 * is set only for an earlier due moment, and one left over from a cleared timer just finds nothing to run.
 */
export class OffsetClock implements LocalClock {
  readonly standsAtMs: number | undefined;
  #offsetMs: number;
  #changes = 0;
  #armedDueMs = Number.POSITIVE_INFINITY;
  #armed: NodeJS.Timeout | undefined;
  readonly #timers = new Set<LocalTimer>();

  /** `standsAtMs`: the time at which the clock stands still, before its offset. */
  constructor(offsetMs = 0, standsAtMs?: number) {
    this.#offsetMs = offsetMs;
    this.standsAtMs = standsAtMs;
  }

  now(): number {
    return (this.standsAtMs ?? Date.now()) + this.#offsetMs;
  }

  setTimeout(run: () => void, delayMs: number): LocalTimer {
    const timer: LocalTimer = { dueMs: this.now() + Math.max(0, delayMs), run };
    this.#timers.add(timer);
    this.#changes += 1;
    if (timer.dueMs < this.#armedDueMs) this.#arm(timer.dueMs);
    return timer;
  }

  clearTimeout(timer: LocalTimer | undefined): void {
    if (timer === undefined || !this.#timers.delete(timer)) return;
    this.#changes += 1;
    if (this.#timers.size === 0) this.#disarm();
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
    this.#runDue();
  }

  /** Counts timers set, cleared and run: two equal readings mean that nothing happened to any timer between. */
  changes(): number {
    return this.#changes;
  }

  #arm(dueMs: number): void {
    if (this.standsAtMs !== undefined) return;
    clearTimeout(this.#armed);
    this.#armedDueMs = dueMs;
    this.#armed = setTimeout(
      () => this.#runDue(),
      Math.min(Math.max(0, dueMs - this.now()), maxMachineDelayMs),
    );
  }

  #disarm(): void {
    clearTimeout(this.#armed);
    this.#armedDueMs = Number.POSITIVE_INFINITY;
  }

  #runDue(): void {
    this.#disarm();
    const now = this.now();
    const due = [...this.#timers].filter((timer) => timer.dueMs <= now).sort((a, b) => a.dueMs - b.dueMs);
    try {
      for (const timer of due) {
        if (!this.#timers.delete(timer)) continue;
        this.#changes += 1;
        timer.run();
      }
    } finally {
      const next = this.nextDueMs();
      if (next !== undefined) this.#arm(next);
    }
  }
}
