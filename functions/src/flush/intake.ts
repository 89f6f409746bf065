import { type Carrier, eventLine } from '../events/carrier.ts';
import { type Event, eventKey } from '../events/event.ts';
import { stampMs } from '../events/stamp.ts';
import type { DeadLetter } from './deadLetters.ts';
import type { Delivery } from './delivery.ts';
import type { EventGroup, Kind } from './kind.ts';
import { earlyMs, maxDeadTogether, maxEventAgeMs } from './limits.ts';
import type { UnreadLine } from './unread.ts';

/** What some deliveries brought: each event once, by its document, and what can never be applied apart. */
export interface Intake {
  /** The documents of each kind, in the kinds' order. */
  groups: EventGroup[][];
  /** What can never be applied, and the delivery that brought it. */
  dead: { letter: DeadLetter; from: number }[];
  /** Lines that this version cannot read, by the delivery that brought them. */
  unread: Map<number, UnreadLine[]>;
  /** The deliveries, by index, that brought an event. */
  origins: Map<string, number[]>;
  duplicates: number;
}

/** Sorts out what came. An event that no kind owns is for another version. */
export function takeIn(deliveries: readonly Delivery[], kinds: readonly Kind[], nowMs: number): Intake {
  const groups = kinds.map(() => new Map<string, EventGroup>());
  const intake: Intake = { groups: [], dead: [], unread: new Map(), origins: new Map(), duplicates: 0 };
  const { dead, unread, origins } = intake;
  // Letters beyond the time there is wait with lines that another version may read, and are looked at again.
  const bury = (letter: DeadLetter, line: string, from: number): void => {
    if (dead.length < maxDeadTogether) dead.push({ letter, from });
    else addTo(unread, from, { unknown: line, reason: letter.detail });
  };
  const takeEvent = (event: Event, from: number, isForced: boolean): void => {
    const kind = kinds.find((one) => one.owns(event));
    if (nowMs - stampMs(event.stamp) > maxEventAgeMs) {
      bury(tooOld(event), eventLine(event), from);
      return;
    }
    if (kind === undefined) {
      addTo(unread, from, {
        unknown: eventLine(event),
        reason: `No document has events of kind ${event.kind}.`,
      });
      return;
    }
    const path = kind.pathOf(event);
    const ofKind = groups[kinds.indexOf(kind)];
    const key = eventKey(event);
    const isRepeated = origins.has(key);
    addTo(origins, key, from);
    const group = ofKind?.get(path) ?? { path, events: [], isForced: false };
    ofKind?.set(path, group);
    group.isForced ||= isForced;
    if (isRepeated) intake.duplicates += 1;
    else group.events.push(event);
  };
  for (const [from, { carrier, events }] of deliveries.entries()) {
    // Suspects would lose what is known of them in a carrier that waits with others.
    const isForced = isEarly(carrier, nowMs) || (carrier.tries ?? 0) > 0;
    for (const unpacked of events) {
      if ('event' in unpacked) takeEvent(unpacked.event, from, isForced);
      else if ('unknown' in unpacked) addTo(unread, from, unpacked);
      else bury(unreadable(unpacked.invalid, unpacked.reason), unpacked.invalid, from);
    }
  }
  return { ...intake, groups: groups.map((ofKind) => [...ofKind.values()]) };
}

/** Adds to one of several lists. */
export function addTo<Key, Item>(lists: Map<Key, Item[]>, key: Key, item: Item): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}

function isEarly({ dueMs }: Carrier, nowMs: number): boolean {
  return dueMs - nowMs > earlyMs;
}

function unreadable(raw: string, detail: string): DeadLetter {
  return { reason: 'unreadable', detail, content: { raw } };
}

function tooOld(event: Event): DeadLetter {
  const detail = `Accepted ${new Date(stampMs(event.stamp)).toISOString()}; at most 45 days are allowed.`;
  return { reason: 'too_old', detail, content: { event } };
}
