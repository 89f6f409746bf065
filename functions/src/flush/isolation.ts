import { type Carrier, foldText } from '../events/carrier.ts';
import type { Event } from '../events/event.ts';
import { within } from '../platform/clock.ts';
import { AppError } from '../platform/errors.ts';
import { mapPool } from '../platform/pool.ts';
import { type Arrival, type Delivery, isSuspect, openDelivery } from './delivery.ts';
import type { Flusher } from './flusher.ts';
import { unreadable } from './intake.ts';
import {
  deadAfterBroken,
  deadUnopenedAfterBroken,
  lettersAtOnce,
  openMs,
  splitAfterBroken,
  splitSuspectAfterBroken,
} from './limits.ts';
import { carry, type FlushParts, requeueUnreadLines, type UnreadLine } from './waiting.ts';

/**
 * Works on a carrier alone, at which so many attempts broke off: if those are many it goes on as two halves, and so on
 * down to the one event, which is given up in the end. Resolved means acknowledged.
 */
export async function workOnSuspect(
  parts: FlushParts,
  flusher: Flusher,
  arrival: Arrival,
  broken: number,
): Promise<void> {
  const detail = `Work on it broke off ${broken} times, alone too.`;
  if (broken >= deadUnopenedAfterBroken) {
    const carrier = arrival.data as Record<string, unknown>;
    return parts.deadLetters.keep({ reason: 'fails_repeatedly', detail, content: { carrier } });
  }
  const delivery = await open(parts, arrival);
  if (delivery === undefined) return;
  if (delivery.events.length > 1) {
    const splitAfter = isSuspect(arrival) ? splitSuspectAfterBroken : splitAfterBroken;
    if (broken >= splitAfter) return split(parts, delivery);
  } else if (broken >= deadAfterBroken) {
    for (const event of await readable(parts, delivery))
      await parts.deadLetters.keep({ reason: 'fails_repeatedly', detail, content: { event } });
    return;
  }
  const failures = await flusher.flushAlone(delivery);
  if (failures.has(delivery.carrier)) throw failures.get(delivery.carrier);
}

/**
 * Opens a carrier; undefined where it is too large and goes on as two. Throws AppError
 * `unavailable`, also past `openMs`.
 */
export async function open(parts: FlushParts, arrival: Arrival): Promise<Delivery | undefined> {
  const { clock, objects } = parts;
  const delivery = await within(clock, openMs, openDelivery(arrival, objects), tooLate);
  if (!('lines' in delivery)) return delivery;
  await within(clock, openMs, halve(parts, arrival.carrier, delivery.lines), tooLate);
  return undefined;
}

export function tooLate(): AppError {
  return new AppError('unavailable', 'There is no time for this carrier now; it comes again.');
}

/** Sends each half of the events on in a carrier of its own. */
async function split(parts: FlushParts, delivery: Delivery): Promise<void> {
  const { clock, logger } = parts;
  const events = await readable(parts, delivery);
  const tries = Math.max(1, delivery.carrier.tries ?? 0);
  logger.warn('Work on a carrier keeps breaking off; going on with its halves', { events: events.length });
  const middle = Math.ceil(events.length / 2);
  const halves = [events.slice(0, middle), events.slice(middle)];
  await mapPool(halves, halves.length, (half) => carry(parts, half, clock.now(), tries));
}

/** Sends a carrier's lines on as two carriers, unread. Throws AppError `unavailable`. */
async function halve(
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

/** The events of a carrier; what cannot be read becomes dead letters, or waits for another version. */
async function readable(parts: FlushParts, { carrier, events }: Delivery): Promise<Event[]> {
  const unread: UnreadLine[] = [];
  const found: Event[] = [];
  await mapPool(events, lettersAtOnce, async (unpacked) => {
    if ('event' in unpacked) found.push(unpacked.event);
    else if ('unknown' in unpacked) unread.push(unpacked);
    else await parts.deadLetters.keep(unreadable(unpacked));
  });
  if (unread.length > 0) await requeueUnreadLines(parts, carrier, unread);
  return found;
}
