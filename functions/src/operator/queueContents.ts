import type { Carrier } from '../events/carrier.ts';
import { carrierFromWire, eventsIn, unfold } from '../events/carrierReader.ts';
import type { Event, OperationAccepted } from '../events/event.ts';
import { earliestOf, type Stamp } from '../events/stamp.ts';
import type { QueueControl, QueuedTask } from '../platform/queueControl.ts';
import { maxListedCarriers } from './limits.ts';

/** A carrier in the queue, and the name of its task. */
export type QueuedCarrier = Carrier & { taskName: string };

/** Carriers that are queued or being worked on. */
interface QueuedCarriers {
  carriers: QueuedCarrier[];
  /** The number of tasks that hold nothing but what this version cannot read; some may be among the carriers. */
  unreadable: number;
  /** True where these are all of them: not where there are more than `maxListedCarriers`, or one cannot be read. */
  isWhole: boolean;
}

/** Lists the queue. Throws AppError `unavailable`. */
export async function listCarriers(queueControl: QueueControl): Promise<QueuedCarriers> {
  const { tasks, isWhole } = await queueControl.list(maxListedCarriers);
  const carriers = tasks.flatMap(carrierOrNothing);
  const waiting = carriers.filter(({ unreadSinceMs }) => unreadSinceMs !== undefined).length;
  const unread = tasks.length - carriers.length;
  return { carriers, unreadable: unread + waiting, isWhole: isWhole && unread === 0 };
}

/** The carriers that may hold events accepted up to `before`. */
export function carriersUpTo(carriers: readonly QueuedCarrier[], before: Stamp): QueuedCarrier[] {
  return carriers.filter(({ oldest }) => oldest !== undefined && oldest <= before);
}

/** The most events in such carriers. */
export function countEvents(carriers: readonly Carrier[]): number {
  return carriers.reduce((sum, { count }) => sum + count, 0);
}

export interface QueuedEvents {
  taskIds: Set<string>;
  responses: ReadonlySet<Stamp>;
  operations: Record<OperationAccepted['type'], ReadonlySet<Stamp>>;
  oldest: Stamp | undefined;
  /** As {@link QueuedCarriers}. */
  unreadable: number;
  /** True where every carrier was opened; bodies in Cloud Storage are not fetched. */
  isWhole: boolean;
}

/** Opens carriers and returns their events, each once. */
export async function openCarriers({ carriers, unreadable, isWhole }: QueuedCarriers): Promise<QueuedEvents> {
  const taskIds = new Set<string>();
  const responses = new Set<Stamp>();
  const operations = { set: new Set<Stamp>(), update: new Set<Stamp>(), delete: new Set<Stamp>() };
  let isComplete = isWhole;
  for (const carrier of carriers) {
    const events = await eventsOf(carrier);
    isComplete &&= events.length === carrier.count;
    for (const event of events) {
      if (event.kind === 'operation') operations[event.type].add(event.stamp);
      else taskIds.add(event.taskId);
      if (event.kind === 'response') responses.add(event.stamp);
    }
  }
  const oldest = earliestOf(carriers.map((carrier) => carrier.oldest));
  return { taskIds, responses, operations, oldest, unreadable, isWhole: isComplete };
}

async function eventsOf({ events }: Carrier): Promise<Event[]> {
  if (events === undefined) return [];
  try {
    const lines = eventsIn(await unfold(Buffer.from(events, 'base64')));
    return lines.flatMap((line) => ('event' in line ? [line.event] : []));
  } catch {
    return [];
  }
}

function carrierOrNothing({ name: taskName, data }: QueuedTask): QueuedCarrier[] {
  try {
    return [{ ...carrierFromWire(data), taskName }];
  } catch {
    return [];
  }
}
