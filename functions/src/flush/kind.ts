import type { Event } from '../events/event.ts';
import type { DocumentVersion, DocumentWrite, Fields } from '../platform/documents.ts';
import type { CountedWork } from '../quota/work.ts';
import type { DeadLetter } from './deadLetters.ts';

/** A document's events in hand. */
export interface EventGroup<E extends Event = Event> {
  path: string;
  events: E[];
  /** True where one of them came before its time, so that waiting for a later tick is impossible. */
  isForced: boolean;
}

/** A document as this instance last saw it in the database. */
export interface Snapshot<State = unknown> {
  state: State;
  /** The document's fields; undefined where there is none. */
  document: Fields | undefined;
  version: DocumentVersion | 'absent';
  /** The version of its tombstone while there is no document; undefined where nobody looked. */
  tombstone?: DocumentVersion | 'absent' | undefined;
}

/** The writes that a document's events come to, and the document after them. */
export interface Plan<State = unknown> {
  after: State;
  /** The document's fields then; undefined where there will be none. */
  document: Fields | undefined;
  bytes: number;
  /** None where nothing changes. The document's own is the first. */
  writes: DocumentWrite[];
  /** Documents that must not exist when the writes are committed. */
  ifAbsent: string[];
  /** Events that the document has no place for; kept before anything is written. */
  dead?: readonly DeadLetter[];
}

/** Events that are committed, and their document's state before and after. */
export interface Committed<E extends Event = Event, State = unknown> {
  path: string;
  events: readonly E[];
  before: State;
  after: State;
}

/** Work that a commit makes necessary. Where it fails, the carriers of these events come again. */
export interface FollowUp {
  events: readonly Event[];
  work(): Promise<void>;
}

/**
 * A kind of document: which events are its own, when they are written, what they make of a document, and what follows
 * the commit. It is all that the engine knows of documents, and hands each kind nothing but what that kind owns: so the
 * engine may take kinds of any events and states, which the methods' types allow.
 */
export interface Kind<E extends Event = Event, State = unknown> {
  /** Bytes that a document may have, as `documentBytes` counts them. */
  maxBytes: number;
  /** Memory for what an instance knows of its documents, bytes. */
  maxCacheBytes: number;
  owns(event: Event): event is E;
  pathOf(event: E): string;
  /** The longest wait of an event for others of its document, milliseconds. */
  waitMs(event: E): number;
  /**
   * True where a document's events in hand are enough to write it before that; `lastKnown` is its state as this
   * instance last wrote or read it, if it remembers. Only cost and delay depend on it, never the result.
   */
  hasEnough(group: EventGroup<E>, lastKnown: State | undefined): boolean;
  /** The events in hand, of all documents, that are enough to write them all; without it no number is. */
  enoughInHand?: number;
  /** True where the events mean that most likely there is no document yet, so that it need not be read. */
  isNew(events: readonly E[]): boolean;
  /** True where the events most likely take the document away, for kinds that can. */
  isDeletion?(events: readonly E[]): boolean;
  /**
   * The path of the document's tombstone, for kinds that have them: it tells of the deletion
   * while there is no document.
   */
  tombstonePath?(path: string): string;
  /**
   * Reads the state of a document; while there is none, by the fields of its tombstone, if they are
   * known. Throws UnknownVersion.
   */
  stateOf(path: string, fields: Fields | undefined, tombstone?: Fields): State;
  /** Plans a document's write. */
  plan(path: string, snapshot: Snapshot<State>, events: readonly E[]): Plan<State>;
  /**
   * Moves parts of a document that would have more than `maxBytes` into Cloud Storage, for kinds that can; called once
   * the plan's dead letters are kept. Throws AppError `unavailable`.
   */
  shrink?(path: string, snapshot: Snapshot<State>, plan: Plan<State>): Promise<Plan<State>>;
  /** Begins what follows the commits of one flush, for kinds of which something does. */
  follow?(): Following<E, State>;
  /** The work that a commit did for the first time: a redelivery of the same events has done none. */
  done(committed: Committed<E, State>): CountedWork;
  /** Figures of these documents for the flush's log line. */
  counts(groups: readonly EventGroup<E>[]): Record<string, number>;
}

/** Sees to what follows the commits of one flush. */
interface Following<E extends Event = Event, State = unknown> {
  /** The work that these commits make necessary at once, before the next ones begin. */
  after(round: readonly Committed<E, State>[]): FollowUp[];
  /** The work that all of them together make necessary. */
  end(): FollowUp[];
}
