import { type Carrier, foldText } from '../events/carrier.ts';
import { strictSchema } from '../events/schemas.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import { mapPool } from '../platform/pool.ts';
import type { Outbox } from '../staging/outbox.ts';
import { nextTickMs } from '../staging/tick.ts';
import type { DeadLetters } from './deadLetters.ts';
import { maxUnreadMs, maxUnreadWaitMs, minUnreadWaitMs } from './limits.ts';

export interface UnreadOptions {
  outbox: Outbox;
  deadLetters: DeadLetters;
  clock: Clock;
  logger: Logger;
  tickMs: number;
}

/** A line that this version cannot read. */
export interface UnreadLine {
  unknown: string;
  reason: string;
}

/**
 * Lets lines that this version cannot read wait, as they are, in a carrier of their own; after 30 days they become dead
 * letters. Throws AppError `unavailable` when they are not kept; their carrier must then come again.
 */
export async function keepUnreadLines(
  options: UnreadOptions,
  { schema, oldest, unreadSinceMs }: Carrier,
  lines: readonly UnreadLine[],
): Promise<void> {
  const { outbox, deadLetters, clock, logger } = options;
  const sinceMs = unreadSinceMs ?? clock.now();
  if (clock.now() - sinceMs >= maxUnreadMs) {
    await mapPool(lines, lettersAtOnce, ({ unknown: raw, reason: detail }) =>
      deadLetters.keep({ reason: 'unknown_version', detail, content: { raw } }),
    );
    return;
  }
  const reason = lines[0]?.reason;
  logger.error('Events of another version wait', { events: lines.length, since: isoOf(sinceMs), reason });
  const contents = {
    // Code that takes fields off an event must not open it.
    schema: Math.max(schema, strictSchema),
    ...(await foldText(lines.map(({ unknown }) => unknown).join('\n'))),
    count: lines.length,
    oldest,
    unreadSinceMs: sinceMs,
  };
  await outbox.sendContents('flush', contents, nextLookMs(options, sinceMs));
}

/**
 * Lets a carrier of an unknown version wait, unopened and with all that it says; after 30 days it becomes a dead letter.
 * Throws as {@link keepUnreadLines}.
 */
export async function keepUnreadCarrier(
  options: UnreadOptions,
  data: unknown,
  detail: string,
): Promise<void> {
  const { outbox, deadLetters, clock, logger } = options;
  const carrier = data as Record<string, unknown>;
  const since = carrier['unread_since_ms'];
  const sinceMs = typeof since === 'number' ? since : clock.now();
  if (clock.now() - sinceMs >= maxUnreadMs) {
    return deadLetters.keep({ reason: 'unknown_version', detail, content: { carrier } });
  }
  logger.error('A carrier of another version waits', { since: isoOf(sinceMs), reason: detail });
  const dueMs = nextLookMs(options, sinceMs);
  await outbox.sendData('flush', { ...carrier, due_ms: dueMs, unread_since_ms: sinceMs }, dueMs);
}

/** As long again as it has waited, so that the pauses grow. */
function nextLookMs({ clock, tickMs }: UnreadOptions, sinceMs: number): number {
  const waitMs = Math.min(maxUnreadWaitMs, Math.max(minUnreadWaitMs, clock.now() - sinceMs));
  return nextTickMs(clock.now() + waitMs, tickMs);
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}

const lettersAtOnce = 8;
