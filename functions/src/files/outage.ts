import { type Clock, within } from '../platform/clock.ts';
import { DocumentError } from '../platform/documents.ts';

/** Longest wait for Firestore, or for what Cloud Storage knows of a file, where there is another way. */
export const patienceMs = 4_000;

/** Work of Firestore's for which there is another way: waiting too long is an outage as well. */
export function patiently<Result>(clock: Clock, work: Promise<Result>): Promise<Result> {
  return within(clock, patienceMs, work, () => new DocumentError('unavailable', 'Firestore takes too long.'));
}
