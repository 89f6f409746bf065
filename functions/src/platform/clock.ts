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

/** The work's result, unless `limitMs` of the clock's time pass first: then rejects with what `late` makes. */
export async function within<Result>(
  clock: Clock,
  limitMs: number,
  work: Promise<Result>,
  late: () => Error,
): Promise<Result> {
  let timer: unknown;
  const expired = new Promise<never>((_, reject) => {
    timer = clock.setTimeout(() => reject(late()), Math.max(0, limitMs));
  });
  try {
    return await Promise.race([work, expired]);
  } finally {
    clock.clearTimeout(timer);
  }
}

/** The next moment at which carriers are due: a multiple of `tickMs` later than `nowMs`, so that they meet. */
export function nextTickMs(nowMs: number, tickMs: number): number {
  return (Math.floor(nowMs / tickMs) + 1) * tickMs;
}
