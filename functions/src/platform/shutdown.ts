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
    const asked = new Promise<Parameters<typeof process.exit>[0]>((resolve) => {
      process.exit = resolve as typeof process.exit;
    });
    const late = () => new Error('The time of grace is over.');
    const over = within(clock, graceMs, work(), late).catch(() => undefined);
    void Promise.all([asked, over]).then(([code]) => exit(code));
  });
}
