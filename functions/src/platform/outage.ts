import type { Clock } from './clock.ts';
import { DocumentError } from './documents.ts';
import { AppError } from './errors.ts';

/** The result, with Firestore's failures as what callers are told. */
export async function fromFirestore<Result>(clock: Clock, work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof DocumentError ? unavailable(clock, error) : error;
  }
}

/** What a caller is told while Firestore does not answer, or no quota is left; with the time to come again, if known. */
export function unavailable(clock: Clock, cause?: unknown): AppError {
  const retryAtMs = cause instanceof DocumentError ? cause.retryAtMs : undefined;
  return new AppError('unavailable', 'Firestore cannot be used at the moment; ask again.', {
    cause,
    ...(retryAtMs === undefined ? {} : { retryAfterSeconds: (retryAtMs - clock.now()) / 1000 }),
  });
}
