import { setImmediate as nextTurn } from 'node:timers/promises';

/** Resolves once a condition holds, which other threads and connections bring about. */
export async function until(condition: () => boolean | Promise<boolean>, maxMs = 15_000): Promise<void> {
  const endMs = performance.now() + maxMs;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error('It did not come about in time.');
    await nextTurn();
  }
}
