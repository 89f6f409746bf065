import type { Event } from '../events/event.ts';

/** Makes accepted events durable. */
export interface Stager {
  /**
   * Resolves once all of one request's events are confirmed by Cloud Tasks, or by Cloud Storage.
   * @throws AppError `unavailable`: not known to be kept, repeating is safe; `payload_too_large`: more than buffers allow.
   */
  stage(events: readonly Event[]): Promise<void>;
}
