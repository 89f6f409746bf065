import type { Clock } from '../platform/clock.ts';
import { DocumentError, type DocumentFailure } from '../platform/documents.ts';
import { AppError } from '../platform/errors.ts';
import { within } from '../platform/within.ts';

/** Longest wait for Firestore, or for what Cloud Storage knows of a file, where there is another way. */
export const patienceMs = 4_000;

const outages: readonly DocumentFailure[] = ['exhausted', 'no_quota', 'unavailable'];

/** Whether Firestore is down, slow or out of quota. What was asked may have been done all the same. */
export function isOutage(error: unknown): boolean {
  return error instanceof DocumentError && outages.includes(error.failure);
}

/** Work of Firestore's for which there is another way: waiting too long is an outage as well. */
export function patiently<Result>(clock: Clock, work: Promise<Result>): Promise<Result> {
  return within(clock, patienceMs, work, () => new DocumentError('unavailable', 'Firestore takes too long.'));
}

/** Where there is no other way: an outage is told to the caller, who may come again. */
export async function orUnavailable<Result>(clock: Clock, work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (cause) {
    if (!isOutage(cause)) throw cause;
    const retryAtMs = cause instanceof DocumentError ? cause.retryAtMs : undefined;
    const waitMs = retryAtMs === undefined ? 5_000 : retryAtMs - clock.now();
    throw new AppError('unavailable', 'Firestore is not available; ask again later.', {
      cause,
      retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)),
    });
  }
}
