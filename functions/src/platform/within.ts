import type { Clock } from './clock.ts';

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
