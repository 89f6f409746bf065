import { type Carrier, eventLine } from '../events/carrier.ts';
import { type Event, eventKey, type OperationAccepted, type TaskEvent } from '../events/event.ts';
import { stampMs } from '../events/stamp.ts';
import { append } from '../platform/arrays.ts';
import { taskPath } from '../tasks/document.ts';
import type { DeadLetter } from './deadLetters.ts';
import type { Delivery } from './delivery.ts';
import { earlyMs, maxDeadTogether, maxEventAgeMs } from './limits.ts';
import type { UnreadLine } from './unread.ts';

/** A document's events in hand. */
export interface EventGroup<E extends Event> {
  path: string;
  events: E[];
  /** One of them came before its time, so waiting for a later tick is impossible. */
  isForced: boolean;
}

/** What some deliveries brought: each event once, by its document; what can never be applied apart. */
export interface Intake {
  tasks: EventGroup<TaskEvent>[];
  documents: EventGroup<OperationAccepted>[];
  /** What can never be applied, and the delivery that brought it. */
  dead: { letter: DeadLetter; from: number }[];
  /** Lines that this version cannot read, by the delivery that brought them. */
  unread: Map<number, UnreadLine[]>;
  /** The deliveries, by index, that brought an event. */
  origins: Map<string, number[]>;
  duplicates: number;
}

/** Sorts out what came. */
export function takeIn(deliveries: readonly Delivery[], nowMs: number): Intake {
  const tasks = new Map<string, EventGroup<TaskEvent>>();
  const documents = new Map<string, EventGroup<OperationAccepted>>();
  const origins: Intake['origins'] = new Map();
  const dead: Intake['dead'] = [];
  const unread: Intake['unread'] = new Map();
  let duplicates = 0;
  // Letters beyond the time there is wait with lines that another version may read, and are looked at again.
  const bury = (letter: DeadLetter, line: string, from: number): void => {
    if (dead.length < maxDeadTogether) dead.push({ letter, from });
    else addTo(unread, from, { unknown: line, reason: letter.detail });
  };
  for (const [index, { carrier, events }] of deliveries.entries()) {
    // Suspects would lose what is known of them in a carrier that waits with others.
    const isForced = isEarly(carrier, nowMs) || (carrier.tries ?? 0) > 0;
    for (const unpacked of events) {
      if ('invalid' in unpacked) {
        bury(unreadable(unpacked.invalid, unpacked.reason), unpacked.invalid, index);
        continue;
      }
      if ('unknown' in unpacked) {
        addTo(unread, index, unpacked);
        continue;
      }
      const { event } = unpacked;
      if (nowMs - stampMs(event.stamp) > maxEventAgeMs) {
        bury(tooOld(event), eventLine(event), index);
        continue;
      }
      const known = origins.get(eventKey(event));
      origins.set(eventKey(event), [...(known ?? []), index]);
      if (known !== undefined) duplicates += 1;
      const fresh = known === undefined;
      if (event.kind === 'operation') add(documents, event.path, isForced, fresh ? [event] : []);
      else add(tasks, taskPath(event.taskId), isForced, fresh ? [event] : []);
    }
  }
  const groups = { tasks: [...tasks.values()], documents: [...documents.values()] };
  return { ...groups, dead, unread, origins, duplicates };
}

/** Adds to one of several lists. */
export function addTo<Key, Item>(lists: Map<Key, Item[]>, key: Key, item: Item): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}

function add<E extends Event>(
  groups: Map<string, EventGroup<E>>,
  path: string,
  isForced: boolean,
  events: readonly E[],
): void {
  const group = groups.get(path) ?? { path, events: [], isForced: false };
  groups.set(path, group);
  group.isForced ||= isForced;
  append(group.events, events);
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
