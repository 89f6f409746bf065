import type { Event } from '../events/event.ts';
import { DocumentError, type DocumentFailure } from '../platform/documents.ts';
import { messageOf, UnknownVersion } from '../platform/errors.ts';
import type { CommitJob } from './chunks.ts';

/** The outcome of some events of a document. */
export type CommitResult<E extends Event, State> = CommitJob<E> &
  (
    | {
        outcome: 'committed';
        before: State;
        after: State;
        hasWritten: boolean;
      }
    /** Not known to be written; the events must be kept. */
    | { outcome: 'failed'; error: DocumentError }
    /** Another version wrote the document; the events must wait for that version. */
    | { outcome: 'unread'; detail: string }
    /** Our own code threw on these events, or could not keep with Cloud Storage what they need: then AppError `unavailable`. */
    | { outcome: 'broken'; error: unknown }
    /** Firestore will never take this event; it is the job's only one. */
    | { outcome: 'refused'; error: DocumentError }
  );

/** Whatever comes out of a client or the network, and is no answer of the service, is an outage. */
export function outageOf(error: unknown): DocumentError {
  return error instanceof DocumentError
    ? error
    : new DocumentError('unavailable', messageOf(error), { cause: error });
}

/** These jobs, of which none is known to be written. */
export function failed<E extends Event, State>(
  jobs: readonly CommitJob<E>[],
  error: DocumentError,
): CommitResult<E, State>[] {
  return jobs.map((job) => ({ ...job, outcome: 'failed', error }));
}

/** The first failure of this kind among results. */
export function failureIn<E extends Event, State>(
  results: readonly CommitResult<E, State>[],
  failure: DocumentFailure,
): DocumentError | undefined {
  for (const result of results) {
    if (result.outcome === 'failed' && result.error.failure === failure) return result.error;
  }
  return undefined;
}

/** Why more need not be tried: a shortage, though deletes are not needed by all, or an outage that let nothing through. */
export function endIn<E extends Event, State>(
  results: readonly CommitResult<E, State>[],
): DocumentError | undefined {
  for (const result of results) {
    const error = result.outcome === 'failed' ? result.error : undefined;
    if (error?.failure === 'no_quota' && error.short !== 'deletes') return error;
  }
  const hasWritten = results.some((result) => result.outcome === 'committed' && result.hasWritten);
  if (hasWritten) return undefined;
  return failureIn(results, 'unavailable') ?? failureIn(results, 'exhausted');
}

/** A job that came to nothing: each of its events is refused where Firestore will never take it. */
export function unsuccessful<E extends Event, State>(
  job: CommitJob<E>,
  error: unknown,
): CommitResult<E, State>[] {
  if (error instanceof UnknownVersion) return [{ ...job, outcome: 'unread', detail: messageOf(error) }];
  if (!(error instanceof DocumentError)) return [{ ...job, outcome: 'broken', error }];
  if (error.failure !== 'invalid') return [{ ...job, outcome: 'failed', error }];
  return job.events.map((event) => ({ ...job, events: [event], outcome: 'refused', error }));
}

/** The quota, or the time, ends before more can be written. */
export function outOfTime(nowMs: number): DocumentError {
  const message = 'The quota allows no more within this delivery.';
  return new DocumentError('no_quota', message, { retryAtMs: nowMs });
}
