import { type Carrier, foldText } from '../events/carrier.ts';
import { strictSchema } from '../events/carrierVersion.ts';
import type { Event } from '../events/event.ts';
import { earliestOf } from '../events/stamp.ts';
import { messageOf } from '../platform/errors.ts';
import { mapPool } from '../platform/pool.ts';
import type { Using } from '../platform/services.ts';
import { type Outbox, packEvents } from '../staging/outbox.ts';
import type { Attempts } from './attempts.ts';
import type { Backoff } from './backoff.ts';
import type { DeadLetters } from './deadLetters.ts';
import { lettersAtOnce, maxLettersTogether, maxTries, maxUnreadMs } from './limits.ts';

/** Parts of the engine that most of its functions need, one each in a process. */
export interface FlushParts extends Using<'clock' | 'logger' | 'objects'> {
  outbox: Outbox;
  deadLetters: DeadLetters;
  attempts: Attempts;
  backoff: Backoff;
}

/** A line that this version cannot read. */
export interface UnreadLine {
  unknown: string;
  reason: string;
}

/** An event that our own code broke on, and the error. */
export interface Broken {
  event: Event;
  error: unknown;
}

/** Puts events, on some of which our own code broke so often, into one carrier. Throws AppError `unavailable`. */
export async function carry(
  { outbox }: FlushParts,
  events: readonly Event[],
  dueMs: number,
  tries: number | undefined,
): Promise<void> {
  if (events.length === 0) return;
  const contents = await packEvents(events, earliestOf(events.map(({ stamp }) => stamp)));
  await outbox.sendContents('flush', { ...contents, tries }, dueMs);
}

/**
 * Lets events wait that our own code broke on so often, in a carrier of their own and longer each time, as another
 * version may know better; in the end they become dead letters, so many at a time. Throws AppError `unavailable`.
 */
export async function requeueBroken(
  parts: FlushParts,
  tries: number,
  broken: readonly Broken[],
): Promise<void> {
  const { deadLetters, logger, backoff } = parts;
  logger.error('Our own code breaks on events', { events: broken.length, tries, error: broken[0]?.error });
  const isLast = tries >= maxTries;
  const letters = isLast ? broken.slice(0, maxLettersTogether) : [];
  await mapPool(letters, lettersAtOnce, ({ event, error }) => {
    const detail = `Failed ${tries} times: ${messageOf(error)}`;
    return deadLetters.keep({ reason: 'fails_repeatedly', detail, content: { event } });
  });
  const events = broken.slice(letters.length).map(({ event }) => event);
  const pauses = isLast ? tries - 1 : tries;
  await carry(parts, events, backoff.nextTryMs(pauses), pauses);
}

/**
 * Lets lines that this version cannot read wait, as they are, in a carrier of their own; after 30 days they become dead
 * letters. Throws AppError `unavailable` when they are not kept; their carrier must then come again.
 */
export async function requeueUnreadLines(
  parts: FlushParts,
  { schema, oldest, unreadSinceMs }: Carrier,
  lines: readonly UnreadLine[],
): Promise<void> {
  const { outbox, deadLetters, backoff, clock, logger } = parts;
  const sinceMs = unreadSinceMs ?? clock.now();
  if (clock.now() - sinceMs >= maxUnreadMs) {
    await mapPool(lines, lettersAtOnce, ({ unknown: raw, reason: detail }) =>
      deadLetters.keep({ reason: 'unknown_version', detail, content: { raw } }),
    );
    return;
  }
  const since = new Date(sinceMs).toISOString();
  logger.error('Events of another version wait', { events: lines.length, since, reason: lines[0]?.reason });
  const contents = {
    // Code that takes fields off an event must not open it.
    schema: Math.max(schema, strictSchema),
    ...(await foldText(lines.map(({ unknown }) => unknown).join('\n'))),
    count: lines.length,
    oldest,
    unreadSinceMs: sinceMs,
  };
  await outbox.sendContents('flush', contents, backoff.nextLookMs(sinceMs));
}

/**
 * Lets a carrier of an unknown version wait, unopened and with all that it says; after 30 days it becomes a dead
 * letter. Throws as {@link requeueUnreadLines}.
 */
export async function requeueUnreadCarrier(parts: FlushParts, data: unknown, detail: string): Promise<void> {
  const { outbox, deadLetters, backoff, clock, logger } = parts;
  const carrier = data as Record<string, unknown>;
  const { unread_since_ms: told } = carrier;
  const sinceMs = typeof told === 'number' ? told : clock.now();
  if (clock.now() - sinceMs >= maxUnreadMs) {
    return deadLetters.keep({ reason: 'unknown_version', detail, content: { carrier } });
  }
  const since = new Date(sinceMs).toISOString();
  logger.error('A carrier of another version waits', { since, reason: detail });
  await outbox.sendData('flush', { ...carrier, unread_since_ms: sinceMs }, backoff.nextLookMs(sinceMs));
}
