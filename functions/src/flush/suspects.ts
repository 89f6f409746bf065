import { type Event, eventKey } from '../events/event.ts';
import { earliestOf } from '../events/stamp.ts';
import { largest } from '../platform/arrays.ts';
import { messageOf } from '../platform/errors.ts';
import { mapPool } from '../platform/pool.ts';
import { packEvents } from '../staging/outbox.ts';
import type { Delivery } from './delivery.ts';
import { addTo, type Intake } from './intake.ts';
import { lettersAtOnce, maxLettersTogether, maxTries } from './limits.ts';
import type { FlushParts } from './parts.ts';

/** An event that our own code broke on, and the error. */
export interface Broken {
  event: Event;
  error: unknown;
}

/** Groups the events by how often our code broke on them, this time included: as often as a carrier that brought them says. */
export function byTries(
  broken: readonly Broken[],
  deliveries: readonly Delivery[],
  origins: Intake['origins'],
): Map<number, Broken[]> {
  const found = new Map<number, Broken[]>();
  for (const suspect of broken) {
    const from = origins.get(eventKey(suspect.event)) ?? [];
    const tries = 1 + Math.max(0, largest(from.map((index) => deliveries[index]?.carrier.tries ?? 0)));
    addTo(found, tries, suspect);
  }
  return found;
}

/**
 * Lets events wait that our own code broke on so often, in a carrier of their own and longer each time, as another version
 * may know better; in the end they become dead letters, so many at a time. Throws AppError `unavailable`.
 */
export async function keepBroken(parts: FlushParts, tries: number, broken: readonly Broken[]): Promise<void> {
  const { deadLetters, logger } = parts;
  logger.error('Our own code breaks on events', { events: broken.length, tries, error: broken[0]?.error });
  if (tries < maxTries) return carry(parts, tries, broken);
  await mapPool(broken.slice(0, maxLettersTogether), lettersAtOnce, ({ event, error }) =>
    deadLetters.keep({
      reason: 'fails_repeatedly',
      detail: `Failed ${tries} times: ${messageOf(error)}`,
      content: { event },
    }),
  );
  await carry(parts, tries - 1, broken.slice(maxLettersTogether));
}

async function carry(
  { outbox, backoff }: FlushParts,
  tries: number,
  broken: readonly Broken[],
): Promise<void> {
  if (broken.length === 0) return;
  const events = broken.map(({ event }) => event);
  const contents = await packEvents(events, earliestOf(events.map(({ stamp }) => stamp)));
  await outbox.sendContents('flush', { ...contents, tries }, backoff.nextTryMs(tries));
}
