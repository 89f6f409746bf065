import { type Event, eventKey } from '../events/event.ts';
import { earliestOf } from '../events/stamp.ts';
import { largest } from '../platform/arrays.ts';
import type { Clock } from '../platform/clock.ts';
import { messageOf } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import { mapPool } from '../platform/pool.ts';
import { type Outbox, packEvents } from '../staging/outbox.ts';
import { nextTickMs } from '../staging/tick.ts';
import type { DeadLetters } from './deadLetters.ts';
import type { Delivery } from './delivery.ts';
import type { Intake } from './intake.ts';
import { firstTryPauseMs, maxLettersTogether, maxTries } from './limits.ts';

/** An event that our own code broke on, and the error. */
export interface Broken {
  event: Event;
  error: unknown;
}

export interface SuspectsOptions {
  outbox: Outbox;
  deadLetters: DeadLetters;
  clock: Clock;
  logger: Logger;
  tickMs: number;
}

/** The events by how often our code broke on them, this time included: as often as a carrier that brought them says. */
export function byTries(
  broken: readonly Broken[],
  deliveries: readonly Delivery[],
  origins: Intake['origins'],
): Map<number, Broken[]> {
  const found = new Map<number, Broken[]>();
  for (const each of broken) {
    const from = origins.get(eventKey(each.event)) ?? [];
    const tries = 1 + Math.max(0, largest(from.map((index) => deliveries[index]?.carrier.tries ?? 0)));
    const same = found.get(tries) ?? [];
    found.set(tries, same);
    same.push(each);
  }
  return found;
}

/**
 * Lets events wait that our own code broke on so often, in a carrier of their own and longer each time, as another version
 * may know better; in the end they become dead letters, so many at a time. Throws AppError `unavailable`.
 */
export async function keepBroken(
  options: SuspectsOptions,
  tries: number,
  broken: readonly Broken[],
): Promise<void> {
  const { deadLetters, logger } = options;
  logger.error('Our own code breaks on events', { events: broken.length, tries, error: broken[0]?.error });
  if (tries < maxTries) return carry(options, tries, broken);
  await mapPool(broken.slice(0, maxLettersTogether), 8, ({ event, error }) =>
    deadLetters.keep({
      reason: 'fails_repeatedly',
      detail: `Failed ${tries} times: ${messageOf(error)}`,
      content: { event },
    }),
  );
  await carry(options, tries - 1, broken.slice(maxLettersTogether));
}

async function carry(
  { outbox, clock, tickMs }: SuspectsOptions,
  tries: number,
  broken: readonly Broken[],
): Promise<void> {
  if (broken.length === 0) return;
  const events = broken.map(({ event }) => event);
  const contents = await packEvents(events, earliestOf(events.map(({ stamp }) => stamp)));
  const dueMs = nextTickMs(clock.now() + firstTryPauseMs * 2 ** (tries - 1), tickMs);
  await outbox.sendContents('flush', { ...contents, tries }, dueMs);
}
