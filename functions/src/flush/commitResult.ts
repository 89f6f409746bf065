import type { Event } from '../events/event.ts';
import { DocumentError, type DocumentFailure } from '../platform/documents.ts';
import { messageOf, UnknownVersion } from '../platform/errors.ts';
import type { Committed } from './kind.ts';

/** A document whose events are to be written. */
export interface CommitJob {
  path: string;
  events: Event[];
}

/** The outcome of some events of a document. */
export type CommitResult = CommitJob &
  (
    | ({ outcome: 'committed'; hasWritten: boolean; hasDead: boolean } & Pick<Committed, 'before' | 'after'>)
    /** Not known to be written; the events must be kept. */
    | { outcome: 'failed'; error: DocumentError }
    /** Another version wrote the document; the events must wait for that version. */
    | { outcome: 'unread'; detail: string }
    /** Our own code threw on these events; or Cloud Storage did not take what they need: AppError `unavailable`. */
    | { outcome: 'broken'; error: unknown }
    /** Firestore will never take this event; it is the job's only one. */
    | { outcome: 'refused'; error: DocumentError }
  );

/** Takes for an outage whatever comes out of a client or the network and is no answer of the service. */
export function outageOf(error: unknown): DocumentError {
  return error instanceof DocumentError
    ? error
    : new DocumentError('unavailable', messageOf(error), { cause: error });
}

/** Results of jobs of which none is known to be written. */
export function failed(jobs: readonly CommitJob[], error: DocumentError): CommitResult[] {
  return jobs.map((job) => ({ ...job, outcome: 'failed', error }));
}

/** The first failure of one of these kinds among results, the kinds in their order. */
export function failureIn(
  results: readonly CommitResult[],
  ...kinds: DocumentFailure[]
): DocumentError | undefined {
  const errors = results.flatMap((result) => (result.outcome === 'failed' ? [result.error] : []));
  return kinds.map((kind) => errors.find(({ failure }) => failure === kind)).find((error) => error);
}

/** Tells why more need not be tried: a shortage of what all need, or an outage that let nothing through. */
export function endIn(results: readonly CommitResult[]): DocumentError | undefined {
  for (const result of results) {
    const error = result.outcome === 'failed' ? result.error : undefined;
    if (error?.failure === 'no_quota' && error.short !== 'deletes') return error;
  }
  return hasWritten(results) ? undefined : failureIn(results, 'unavailable', 'exhausted');
}

export function hasWritten(results: readonly CommitResult[]): boolean {
  return results.some((result) => result.outcome === 'committed' && result.hasWritten);
}

/** Results of a job that came to nothing: each of its events is refused where Firestore will never take it. */
export function unsuccessful(job: CommitJob, error: unknown): CommitResult[] {
  if (error instanceof UnknownVersion) return [{ ...job, outcome: 'unread', detail: messageOf(error) }];
  if (!(error instanceof DocumentError)) return [{ ...job, outcome: 'broken', error }];
  if (error.failure !== 'invalid') return [{ ...job, outcome: 'failed', error }];
  return job.events.map((event) => ({ ...job, events: [event], outcome: 'refused', error }));
}

/** The error of what the quota, or the time, lets nobody write in this flush. */
export function outOfTime(nowMs: number): DocumentError {
  const message = 'The quota allows no more within this delivery.';
  return new DocumentError('no_quota', message, { retryAtMs: nowMs });
}
