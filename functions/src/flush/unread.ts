import { type Carrier, foldText } from '../events/carrier.ts';
import { strictSchema } from '../events/schemas.ts';
import { mapPool } from '../platform/pool.ts';
import { lettersAtOnce, maxUnreadMs } from './limits.ts';
import type { FlushParts } from './parts.ts';

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
  await outbox.sendContents('flush', contents, backoff.nextLookMs(sinceMs));
}

/**
 * Lets a carrier of an unknown version wait, unopened and with all that it says; after 30 days it becomes a dead letter.
 * Throws as {@link keepUnreadLines}.
 */
export async function keepUnreadCarrier(parts: FlushParts, data: unknown, detail: string): Promise<void> {
  const { outbox, deadLetters, backoff, clock, logger } = parts;
  const carrier = data as Record<string, unknown>;
  const since = carrier['unread_since_ms'];
  const sinceMs = typeof since === 'number' ? since : clock.now();
  if (clock.now() - sinceMs >= maxUnreadMs) {
    return deadLetters.keep({ reason: 'unknown_version', detail, content: { carrier } });
  }
  logger.error('A carrier of another version waits', { since: isoOf(sinceMs), reason: detail });
  const dueMs = backoff.nextLookMs(sinceMs);
  await outbox.sendData('flush', { ...carrier, due_ms: dueMs, unread_since_ms: sinceMs }, dueMs);
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
