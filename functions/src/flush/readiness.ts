import type { Event } from '../events/event.ts';
import { type Stamp, stampMs } from '../events/stamp.ts';
import type { EventGroup, Kind } from './kind.ts';

/** The moment at which readiness is decided. */
export interface Moment {
  nowMs: number;
  /** A flush was asked for of everything accepted up to this stamp. */
  flushBefore: Stamp;
  /** The state that this instance last wrote or read, if it remembers. */
  lastKnown(path: string): unknown;
}

/**
 * Tells which documents are ready: a flush of their events was asked for, or one of them came before its time or waited
 * as long as it may, or the kind says that there are enough. A document that our own code breaks on is ready: the
 * commit tells which event that is.
 */
export function readiness(
  kind: Pick<Kind, 'waitMs' | 'hasEnough'>,
  groups: readonly EventGroup[],
  { nowMs, flushBefore, lastKnown }: Moment,
): (group: EventGroup) => boolean {
  const isDue = (event: Event): boolean =>
    event.stamp <= flushBefore || nowMs >= stampMs(event.stamp) + kind.waitMs(event);
  const inHand = groups.reduce((sum, { events }) => sum + events.length, 0);
  return (group) => {
    try {
      if (group.isForced || group.events.some(isDue)) return true;
      return kind.hasEnough(group, lastKnown(group.path), inHand);
    } catch {
      return true;
    }
  };
}
