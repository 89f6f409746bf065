import type { Event } from '../events/event.ts';
import { type Stamp, stampMs } from '../events/stamp.ts';
import { smallest } from '../platform/arrays.ts';
import type { EventGroup, Kind } from './kind.ts';
import type { NotReady } from './remembered.ts';

/** The moment at which readiness is decided. */
interface Moment {
  nowMs: number;
  /** True while Firestore is left alone: of what waits, nothing is written then but what was asked for. */
  isParked: boolean;
  /** A flush was asked for of everything accepted up to this stamp. */
  flushBefore: Stamp;
  /** The state that this instance last wrote or read, if it remembers. */
  lastKnown(path: string): unknown;
}

/** The documents to be written now, and those that wait. */
interface Sorted {
  ready: EventGroup[];
  notReady: NotReady[];
}

/**
 * Tells which documents are ready: a flush of their events was asked for, or one of them came before its time or waited
 * as long as it may, or the kind says that there are enough. A document that our own code breaks on is ready: the
 * commit tells which event that is. `others` wait already, and nothing new came of them.
 */
export function readiness(
  kind: Pick<Kind, 'waitMs' | 'hasEnough' | 'enoughInHand'>,
  groups: readonly EventGroup[],
  others: readonly NotReady[],
  { nowMs, isParked, flushBefore, lastKnown }: Moment,
): Sorted {
  const inHand = countOf(groups) + countOf(others.map(({ group }) => group));
  const areEnough = inHand >= (kind.enoughInHand ?? Number.POSITIVE_INFINITY);
  const dueMsOf = (event: Event): number => stampMs(event.stamp) + kind.waitMs(event);
  const isDue = (event: Event): boolean => event.stamp <= flushBefore || nowMs >= dueMsOf(event);
  const isReady = (group: EventGroup): boolean => {
    try {
      if (areEnough || group.isForced || group.events.some(isDue)) return true;
      return kind.hasEnough(group, lastKnown(group.path));
    } catch {
      return true;
    }
  };
  const [ready, notReady] = [[] as EventGroup[], [] as NotReady[]];
  for (const group of groups) {
    if (isReady(group)) ready.push(group);
    else notReady.push({ group, dueMs: smallest(group.events.map(dueMsOf)) });
  }
  for (const { group, dueMs } of others) {
    const isAskedFor = group.events.some(({ stamp }) => stamp <= flushBefore);
    if (isAskedFor || (!isParked && (areEnough || nowMs >= dueMs))) ready.push(group);
  }
  return { ready, notReady };
}

function countOf(groups: readonly EventGroup[]): number {
  return groups.reduce((sum, { events }) => sum + events.length, 0);
}
