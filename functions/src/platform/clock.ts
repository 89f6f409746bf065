/** Time and timers, injected everywhere so that tests and the local stack can move them. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Runs `task` once, `delayMs` from now; the handle goes to {@link Clock.clearTimeout}. */
  setTimeout(task: () => void, delayMs: number): unknown;
  clearTimeout(handle: unknown): void;
}

const machineClock: Clock = {
  now: () => Date.now(),
  setTimeout: (task, delayMs) => setTimeout(task, delayMs),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
};

/** The process's clock: the machine's, unless whoever started the process provides one under this symbol. */
export const systemClock: Clock =
  ((globalThis as Record<symbol, unknown>)[Symbol.for('sluice.clock')] as Clock | undefined) ?? machineClock;

/** Resolves after `delayMs` of the clock's time. */
export function delay(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimeout(resolve, delayMs);
  });
}
