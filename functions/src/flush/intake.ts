import { type Carrier, eventLine } from '../events/carrier.ts';
import { type Event, eventKey } from '../events/event.ts';
import { stampMs } from '../events/stamp.ts';
import type { DeadLetter } from './deadLetters.ts';
import type { Delivery } from './delivery.ts';
import type { EventGroup, Kind } from './kind.ts';
import { earlyMs, maxDeadTogether, maxEventAgeMs } from './limits.ts';
import type { UnreadLine } from './waiting.ts';

/**
 * The intake of a flush: each event that came, once and by its document, and apart from them what can never be applied.
 */
export interface Intake {
  /** The documents of each kind, in the kinds' order. */
  groups: EventGroup[][];
  /** Dead letters, and the carrier that brought each. */
  dead: { letter: DeadLetter; from: Carrier }[];
  /** Lines that this version cannot read, by the carrier that brought them. */
  unread: Map<Carrier, UnreadLine[]>;
  /** The carriers that brought an event, by its key. */
  origins: Map<string, Carrier[]>;
  duplicates: number;
}

/** Sorts out what came, but for events that are written already. An event that no kind owns is for another version. */
export function takeIn(
  deliveries: readonly Delivery[],
  kinds: readonly Kind[],
  nowMs: number,
  isWritten: (event: Event) => boolean,
): Intake {
  const documents = kinds.map((kind) => ({ kind, byPath: new Map<string, EventGroup>() }));
  const intake: Intake = { groups: [], dead: [], unread: new Map(), origins: new Map(), duplicates: 0 };
  const { dead, unread, origins } = intake;
  // Letters beyond the time there is wait with lines that another version may read, and are looked at again.
  const bury = (letter: DeadLetter, line: string, from: Carrier): void => {
    if (dead.length < maxDeadTogether) dead.push({ letter, from });
    else addTo(unread, from, { unknown: line, reason: letter.detail });
  };
  const takeEvent = (event: Event, from: Carrier, isForced: boolean): void => {
    if (nowMs - stampMs(event.stamp) > maxEventAgeMs) {
      bury(tooOld(event), eventLine(event), from);
      return;
    }
    const owner = documents.find(({ kind }) => kind.owns(event));
    if (owner === undefined) {
      const reason = `No document has events of kind ${event.kind}.`;
      addTo(unread, from, { unknown: eventLine(event), reason });
      return;
    }
    const path = owner.kind.pathOf(event);
    const group = owner.byPath.get(path) ?? { path, events: [], isForced: false };
    owner.byPath.set(path, group);
    group.isForced ||= isForced;
    const key = eventKey(event);
    if (origins.has(key)) intake.duplicates += 1;
    else group.events.push(event);
    addTo(origins, key, from);
  };
  for (const { carrier, events } of deliveries) {
    // Suspects would lose what is known of them in a carrier that waits with others.
    const isForced = carrier.dueMs - nowMs > earlyMs || (carrier.tries ?? 0) > 0;
    for (const unpacked of events) {
      if ('event' in unpacked && isWritten(unpacked.event)) intake.duplicates += 1;
      else if ('event' in unpacked) takeEvent(unpacked.event, carrier, isForced);
      else if ('unknown' in unpacked) addTo(unread, carrier, unpacked);
      else bury(unreadable(unpacked), unpacked.invalid, carrier);
    }
  }
  return { ...intake, groups: documents.map(({ byPath }) => [...byPath.values()]) };
}

/** Adds to one of several lists. */
export function addTo<Key, Item>(lists: Map<Key, Item[]>, key: Key, item: Item): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}

/** Makes the dead letter of a line that is no event. */
export function unreadable({ invalid, reason }: { invalid: string; reason: string }): DeadLetter {
  return { reason: 'unreadable', detail: reason, content: { raw: invalid } };
}

function tooOld(event: Event): DeadLetter {
  const detail = `Accepted ${new Date(stampMs(event.stamp)).toISOString()}; at most 45 days are allowed.`;
  return { reason: 'too_old', detail, content: { event } };
}
