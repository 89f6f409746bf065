import type { Event } from '../events/event.ts';
import type { DocumentVersion, DocumentWrite, Fields, ReadDocument } from '../platform/documents.ts';

/** A document as this instance last saw it in the database. */
export interface Known<State> {
  state: State;
  /** Its fields; undefined where there is no document. */
  document: Fields | undefined;
  version: DocumentVersion | 'absent';
  /** The version of the document that speaks for it while it is absent; undefined where nobody looked. */
  companion?: DocumentVersion | 'absent' | undefined;
}

/** What is to be written of a document, after its events. */
export interface Plan<State> {
  after: State;
  /** Its fields then; undefined where there will be no document. */
  document: Fields | undefined;
  bytes: number;
  /** None where nothing changes. The document's own is the first. */
  writes: DocumentWrite[];
  /** Documents that must not exist when that is written. */
  ifAbsent: string[];
}

/** What the flush must know of one kind of document to write its events. */
export interface DocumentKind<E extends Event, State> {
  /** Bytes that its documents may have, as {@link documentBytes} counts them. */
  maxBytes: number;
  /** Whether the events mean that most likely there is no document yet, so that it need not be read. */
  isNew(events: readonly E[]): boolean;
  /** Whether the events most likely take the document away, for kinds that can. */
  isDeletion?(events: readonly E[]): boolean;
  /** The path of the document that speaks for this one while it is absent, for kinds that have such. */
  companionOf?(path: string): string;
  /** What a document is, as it was read; `companion` where that was read too. */
  known(path: string, found: ReadDocument, companion?: ReadDocument): Known<State>;
  /**
   * What the events make of it. What has no place in it any more is kept as dead letters before.
   * Throws AppError `unavailable` where that fails.
   */
  plan(path: string, known: Known<State>, events: readonly E[]): Promise<Plan<State>>;
}
