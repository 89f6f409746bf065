import type { Clock } from './clock.ts';
import { DocumentError, type DocumentFailure } from './documents.ts';
import { AppError } from './errors.ts';

const outages: readonly DocumentFailure[] = ['exhausted', 'no_quota', 'unavailable'];

/** True where Firestore is down, slow or out of quota. The call may have had its effect all the same. */
export function isOutage(error: unknown): boolean {
  return error instanceof DocumentError && outages.includes(error.failure);
}

/** The error for a caller while Firestore cannot be used, with the time to come again where the cause knows it. */
export function unavailable(clock: Clock, cause?: unknown, advice = 'ask again'): AppError {
  const retryAtMs = cause instanceof DocumentError ? cause.retryAtMs : undefined;
  return new AppError('unavailable', `Firestore cannot be used at the moment; ${advice}.`, {
    cause,
    ...(retryAtMs === undefined ? {} : { retryAfterSeconds: (retryAtMs - clock.now()) / 1000 }),
  });
}
