import type { TaskQueueOptions } from 'firebase-functions/v2/tasks';
import { apiKeys, region } from '../config.ts';
import { onceAsync } from '../platform/once.ts';
import { type FunctionName, sizeOf } from './sizes.ts';

/** Functions that callers reach by their URL; what they may do is by their key. */
export const calledByUrl = { region, invoker: 'public', secrets: [apiKeys] };

/**
 * Options of a task queue function. A fifth of what several instances or requests at once can serve stays free, as the
 * platform answers 429 when they are full, which would slow the queue. A task is tried again, within these seconds,
 * until it is done or as old as its queue keeps tasks.
 */
export function queued(
  name: FunctionName,
  times: { timeoutSeconds: number; perSecond: number; leastPauseSeconds: number; mostPauseSeconds: number },
): TaskQueueOptions {
  const size = sizeOf(name);
  const { timeoutSeconds, perSecond, leastPauseSeconds, mostPauseSeconds } = times;
  return {
    region,
    ...size,
    timeoutSeconds,
    rateLimits: {
      maxConcurrentDispatches: Math.ceil(0.8 * size.concurrency * size.maxInstances),
      maxDispatchesPerSecond: perSecond,
    },
    retryConfig: {
      maxAttempts: -1,
      minBackoffSeconds: leastPauseSeconds,
      maxBackoffSeconds: mostPauseSeconds,
      maxDoublings: 6,
    },
  };
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
