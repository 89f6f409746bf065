import type { Carrier } from '../events/carrier.ts';
import { type Event, eventKey } from '../events/event.ts';
import { append, largest } from '../platform/arrays.ts';
import { isForSome } from './backoff.ts';
import type { CommitResult } from './commitResult.ts';
import type { Delivery } from './delivery.ts';
import type { Intake } from './intake.ts';
import type { NotReady, Remembered } from './remembered.ts';

/** Carriers that must come again, and why. */
export type Failures = Map<Carrier, unknown>;

/** One flush: what came, and what has become of it so far. */
export interface Run {
  remembered: Remembered;
  deliveries: readonly Delivery[];
  intake: Intake;
  failures: Failures;
  results: CommitResult[];
  /** Documents that are not ready, with the events that are remembered of them. */
  notReady: NotReady[];
  /** Events that are not known to be kept elsewhere. */
  toCarry: Event[];
  /** Keys of events for which something failed that must be done before they are settled. */
  unsettled: Set<string>;
}

/** A piece of work, and what is to be done where it fails or takes too long. */
export interface Work {
  work(): Promise<void>;
  failed(error: unknown): void;
}

/**
 * Learns what has become of the remembered events: those of a document that is written, with all that follows it, are
 * written; what is refused or breaks is judged by itself when its own carrier comes. So are all of a document of which
 * one became a dead letter: that may be replayed, and must not be taken for written then. What is short of reads waits
 * with its carrier alone, or each flush would ask for them again.
 */
export function noteOutcomes({ remembered, results, unsettled }: Run): void {
  for (const [path, ofPath] of Map.groupBy(results, (result) => result.path)) {
    const isJudged = ofPath.some((result) =>
      result.outcome === 'committed'
        ? result.hasDead
        : result.outcome !== 'failed' || isForSome(result.error),
    );
    if (isJudged) remembered.forget(path);
    const isSettled = ofPath.every(
      ({ outcome, events }) =>
        outcome === 'committed' && !events.some((event) => unsettled.has(eventKey(event))),
    );
    if (isSettled) remembered.written(path, eventsOf(ofPath));
  }
}

/** The events that came with this flush's carriers: the others have carriers of their own in the queue. */
export function arrivedOf({ intake: { origins } }: Run, events: readonly Event[]): Event[] {
  return events.filter((event) => origins.has(eventKey(event)));
}

export function carriersOf({ intake: { origins } }: Run, event: Event): readonly Carrier[] {
  return origins.get(eventKey(event)) ?? [];
}

/** Notes that the carriers of these events must come again. */
export function comeAgain(run: Run, events: readonly Event[]): Work['failed'] {
  return (error) => {
    for (const event of events) {
      run.unsettled.add(eventKey(event));
      for (const from of carriersOf(run, event)) run.failures.set(from, error);
    }
  };
}

/** The times that our code broke on an event before: as many as a carrier that brought it says. */
export function triesOf(run: Run, event: Event): number {
  return Math.max(0, largest(carriersOf(run, event).map(({ tries }) => tries ?? 0)));
}

export function eventsOf(groups: readonly { events: readonly Event[] }[]): Event[] {
  const found: Event[] = [];
  for (const { events } of groups) append(found, events);
  return found;
}
