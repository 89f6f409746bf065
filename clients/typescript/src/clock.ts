/** Time and timers, injected so that tests can move them. */
export interface Clock {
  /** Milliseconds that only ever go on, from any beginning. */
  now(): number;
  setTimeout(task: () => void, delayMs: number): unknown;
  clearTimeout(handle: unknown): void;
}

export const machineClock: Clock = {
  now: () => performance.now(),
  setTimeout: (task, delayMs) => setTimeout(task, delayMs),
  clearTimeout: (handle) => clearTimeout(handle as ReturnType<typeof setTimeout>),
};

export function pause(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimeout(resolve, delayMs);
  });
}

/** The parts of the world that a client touches, and tests replace. */
export interface World {
  fetch: typeof fetch;
  clock: Clock;
  /** The machine's time in milliseconds since the epoch. */
  now(): number;
  /** From 0 to 1: callers that failed together do not come again together. */
  random(): number;
}

/** The pause before the next attempt: twice as long after each failure, and at least what was asked for. */
export function backoffMs(
  { random }: Pick<World, 'random'>,
  failures: number,
  limits: { firstMs: number; maxMs: number },
  retryAfterMs = 0,
): number {
  const longest = Math.min(limits.maxMs, limits.firstMs * 2 ** Math.min(failures, 20));
  return Math.max(longest * (0.5 + random() / 2), retryAfterMs);
}
