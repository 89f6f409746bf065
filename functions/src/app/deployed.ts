import { apiKeys, region } from '../config.ts';
import { onceAsync } from '../platform/once.ts';
import type { Size } from './sizes.ts';

/** Functions that callers reach by their URL; what they may do is by their key. */
export const http = { region, invoker: 'public', secrets: [apiKeys] };

/**
 * Rates of a task queue function's queue: a fifth of what its instances serve at once stays free, as the platform
 * answers 429 when they are full, which would slow the queue.
 */
export function dispatches({ concurrency, maxInstances }: Size, maxDispatchesPerSecond: number) {
  const maxConcurrentDispatches = Math.ceil(0.8 * concurrency * maxInstances);
  return { maxConcurrentDispatches, maxDispatchesPerSecond };
}

/**
 * Tries a task again until it is done, or as old as its queue keeps tasks; waits from `least` to `most` seconds
 * between.
 */
export function untilDone(least: number, most: number) {
  return { maxAttempts: -1, minBackoffSeconds: least, maxBackoffSeconds: most, maxDoublings: 6 };
}

/**
 * A handler whose wiring is loaded by its first call: neither by the other functions nor while the CLI discovers them.
 */
export function wiredBy<Args extends unknown[]>(
  load: () => Promise<{ start(): (...args: Args) => Promise<void> }>,
): (...args: Args) => Promise<void> {
  let handler: ((...args: Args) => Promise<void>) | undefined;
  const start = onceAsync(async () => {
    handler = (await load()).start();
    return handler;
  });
  // Not async: under the hooks of the Functions Framework each promise of a request costs.
  return (...args) => handler?.(...args) ?? start().then((started) => started(...args));
}
