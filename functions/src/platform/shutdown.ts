import { type Clock, within } from './clock.ts';

/** Less than the 10 s after SIGTERM that Cloud Run allows (https://cloud.google.com/run/docs/container-contract). */
const graceMs = 8_000;

/**
 * Runs `work` when the platform ends this process. The Functions Framework calls `process.exit` in a listener of its
 * own, which is there first (its source, invoker.ts), so ours comes before it and holds the exit until the work is
 * done, or `graceMs` are over.
 */
export function atShutdown(clock: Clock, work: () => Promise<void>): void {
  process.prependOnceListener('SIGTERM', () => {
    const exit = process.exit.bind(process);
    let code: string | number | null | undefined;
    let isOver = false;
    let isAsked = false;
    const end = (): void => {
      isOver = true;
      if (isAsked) exit(code);
    };
    process.exit = ((wanted?: string | number | null) => {
      code = wanted;
      isAsked = true;
      if (isOver) exit(code);
    }) as typeof process.exit;
    void within(clock, graceMs, work(), () => new Error('The time of grace is over.')).then(end, end);
  });
}
