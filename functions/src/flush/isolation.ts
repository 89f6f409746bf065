import { type Carrier, foldText } from '../events/carrier.ts';
import type { Event } from '../events/event.ts';
import { earliestOf } from '../events/stamp.ts';
import { AppError } from '../platform/errors.ts';
import { mapPool } from '../platform/pool.ts';
import { within } from '../platform/within.ts';
import { packEvents } from '../staging/outbox.ts';
import { type Arrival, type Delivery, isSuspect, openDelivery } from './delivery.ts';
import type { Flusher } from './flusher.ts';
import {
  deadAfterBroken,
  deadUnopenedAfterBroken,
  lettersAtOnce,
  openMs,
  splitAfterBroken,
  splitSuspectAfterBroken,
} from './limits.ts';
import type { FlushParts } from './parts.ts';
import { keepUnreadLines, type UnreadLine } from './unread.ts';

/**
 * Works on a carrier alone, at which so many attempts broke off: if those are many it goes on as two halves, and so on down to
 * the one event, which is given up in the end. Resolved means acknowledged.
 */
export async function workOnSuspect(
  parts: FlushParts,
  flusher: Flusher,
  arrival: Arrival,
  broken: number,
): Promise<void> {
  const { deadLetters, objects, clock } = parts;
  if (broken >= deadUnopenedAfterBroken) {
    const carrier = arrival.data as Record<string, unknown>;
    return deadLetters.keep({ reason: 'fails_repeatedly', detail: detailOf(broken), content: { carrier } });
  }
  const late = (): AppError => new AppError('unavailable', 'Cloud Storage did not answer in time.');
  const delivery = await within(clock, openMs, openDelivery(arrival, objects), late);
  if ('lines' in delivery) return halve(parts, arrival.carrier, delivery.lines);
  if (delivery.events.length > 1) {
    if (broken >= (isSuspect(arrival) ? splitSuspectAfterBroken : splitAfterBroken))
      return split(parts, delivery);
  } else if (broken >= deadAfterBroken) return giveUp(parts, delivery, broken);
  const [outcome] = await flusher.flush([delivery]);
  if (outcome?.status === 'rejected') throw outcome.reason;
}

/** Sends each half of the events on in a carrier of its own. */
async function split(parts: FlushParts, delivery: Delivery): Promise<void> {
  const { outbox, clock, logger } = parts;
  const events = await readable(parts, delivery);
  const tries = Math.max(1, delivery.carrier.tries ?? 0);
  logger.warn('Work on a carrier keeps breaking off; going on with its halves', { events: events.length });
  const middle = Math.ceil(events.length / 2);
  const halves = [events.slice(0, middle), events.slice(middle)].filter(({ length }) => length > 0);
  await mapPool(halves, halves.length, async (half) => {
    const contents = await packEvents(half, earliestOf(half.map(({ stamp }) => stamp)));
    await outbox.sendContents('flush', { ...contents, tries }, clock.now());
  });
}

/** Sends a carrier's lines on as two carriers, unread. Throws AppError `unavailable`. */
export async function halve(
  { outbox, backoff }: FlushParts,
  { events: _, object: __, ...header }: Carrier,
  lines: Buffer,
): Promise<void> {
  const middle = lines.length / 2;
  const after = lines.indexOf('\n', middle);
  const end = after === -1 ? lines.lastIndexOf('\n', middle) : after;
  const dueMs = backoff.tickMs();
  await mapPool([lines.subarray(0, end), lines.subarray(end + 1)], 1, async (half) => {
    const contents = { ...header, ...(await foldText(half)), count: lineCount(half) };
    await outbox.sendContents('flush', contents, dueMs);
  });
}

function lineCount(lines: Buffer): number {
  let count = 1;
  for (let at = lines.indexOf('\n'); at !== -1; at = lines.indexOf('\n', at + 1)) count += 1;
  return count;
}

/** Its events; what cannot be read becomes dead letters, or waits for another version. */
async function readable(parts: FlushParts, { carrier, events }: Delivery): Promise<Event[]> {
  const unread: UnreadLine[] = [];
  const found: Event[] = [];
  await mapPool(events, lettersAtOnce, async (unpacked) => {
    if ('event' in unpacked) found.push(unpacked.event);
    else if ('unknown' in unpacked) unread.push(unpacked);
    else {
      const { invalid: raw, reason: detail } = unpacked;
      await parts.deadLetters.keep({ reason: 'unreadable', detail, content: { raw } });
    }
  });
  if (unread.length > 0) await keepUnreadLines(parts, carrier, unread);
  return found;
}

async function giveUp(parts: FlushParts, delivery: Delivery, broken: number): Promise<void> {
  const reason = 'fails_repeatedly';
  for (const event of await readable(parts, delivery)) {
    await parts.deadLetters.keep({ reason, detail: detailOf(broken), content: { event } });
  }
}

function detailOf(broken: number): string {
  return `Work on it broke off ${broken} times, alone too.`;
}
