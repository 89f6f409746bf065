import { z } from 'zod';
import { type Event, targetOf } from '../events/event.ts';
import { eventSchema } from '../events/eventSchema.ts';
import { type Stamp, type StampSource, stampMs } from '../events/stamp.ts';
import type { Clock } from '../platform/clock.ts';
import { AppError } from '../platform/errors.ts';
import type { Ids } from '../platform/ids.ts';
import type { Json } from '../platform/json.ts';
import type { Logger } from '../platform/logger.ts';
import type { ObjectStore } from '../platform/objects.ts';
import { storeLargeBodies } from '../staging/bodies.ts';
import { deadLetterId, deadLetterName, deadLettersPrefix } from '../staging/deadLetterName.ts';
import { type Outbox, packEvents } from '../staging/outbox.ts';
import { nextTickMs } from '../staging/tick.ts';
import { maxEventAgeMs, maxListedLetterBytes, replayDelayMs } from './limits.ts';
import { mapPool } from './pool.ts';

export interface DeadLetterBoxOptions {
  objects: ObjectStore;
  outbox: Outbox;
  stamps: StampSource;
  clock: Clock;
  ids: Ids;
  logger: Logger;
  tickMs: number;
  responseInlineMaxBytes: number;
}

/** A dead letter in a list. What cannot be told is null. */
export interface ListedLetter {
  id: string;
  reason: string | null;
  detail: string | null;
  at: string;
  kind: string | null;
  target: string | null;
  bytes: number;
}

const letterSchema = z.object({
  reason: z.string(),
  detail: z.string(),
  at: z.string(),
  event: z.unknown().optional(),
  raw: z.string().optional(),
});
type Letter = z.infer<typeof letterSchema>;

/** Dead letters as an operator sees and handles them. Every method throws AppError `unavailable` when Cloud Storage fails. */
export class DeadLetterBox {
  readonly #options: DeadLetterBoxOptions;

  constructor(options: DeadLetterBoxOptions) {
    this.#options = options;
  }

  /** At most `limit` of them, in the order of their ids, after the id `after`. */
  async list(limit: number, after?: string): Promise<ListedLetter[]> {
    const { objects } = this.#options;
    const options = after === undefined ? { limit } : { limit, after: deadLetterName(after) };
    const found = await objects.list(deadLettersPrefix, options);
    return mapPool(found, lettersReadAtOnce, async ({ name, bytes, updatedMs }) => {
      const stored = bytes > maxListedLetterBytes ? undefined : await objects.get(name);
      const letter = stored && letterOf(parsed(stored.bytes));
      const event = letter && eventOf(letter);
      return {
        id: deadLetterId(name),
        reason: letter?.reason ?? null,
        detail: letter?.detail ?? null,
        at: letter?.at ?? new Date(updatedMs).toISOString(),
        kind: event?.kind ?? null,
        target: event === undefined ? null : targetOf(event),
        bytes,
      };
    });
  }

  /** What is kept under an id, whole. Throws AppError `not_found`. */
  async read(id: string): Promise<Json> {
    const stored = await this.#options.objects.get(deadLetterName(id));
    if (stored === undefined) throw new AppError('not_found', 'There is no such dead letter.');
    return parsed(stored.bytes);
  }

  /**
   * Sends the event of a dead letter to the flush again, and takes the letter away. The event keeps its stamp, unless it is
   * too old for that. Returns the stamp.
   * @throws AppError `not_found`; `conflict` where there is no event in it.
   */
  async replay(id: string): Promise<Stamp> {
    const { objects, outbox, clock, tickMs, logger } = this.#options;
    const letter = letterOf(await this.read(id));
    const event = letter && eventOf(letter);
    if (event === undefined) throw new AppError('conflict', 'It holds no event that could be replayed.');
    const isOld = clock.now() - stampMs(event.stamp) > maxEventAgeMs;
    const fresh = isOld ? { ...event, stamp: this.#options.stamps.next() } : event;
    const [small = fresh] = await storeLargeBodies([withoutReference(fresh)], this.#options);
    // Failing again it becomes the same letter: not before this one is gone, or that would go as well.
    const dueMs = nextTickMs(clock.now() + replayDelayMs, tickMs);
    await outbox.sendContents('flush', await packEvents([small], small.stamp), dueMs);
    await objects.delete(deadLetterName(id));
    logger.info('Replayed a dead letter', { id, target: targetOf(small), stamp: small.stamp });
    return small.stamp;
  }

  /** Drops a dead letter for good. Throws AppError `not_found`. */
  async remove(id: string): Promise<void> {
    const { objects, logger } = this.#options;
    await this.read(id);
    await objects.delete(deadLetterName(id));
    logger.warn('Deleted a dead letter', { id });
  }
}

const lettersReadAtOnce = 8;

function parsed(bytes: Buffer): Json {
  try {
    return JSON.parse(bytes.toString('utf8')) as Json;
  } catch {
    return bytes.toString('utf8');
  }
}

function letterOf(value: Json): Letter | undefined {
  const letter = letterSchema.safeParse(value);
  return letter.success ? letter.data : undefined;
}

/** The event in a letter; a line that could not be read may be one for the code of today. */
function eventOf({ event, raw }: Letter): Event | undefined {
  const found = eventSchema.safeParse(event ?? parsed(Buffer.from(raw ?? '')));
  return found.success ? found.data : undefined;
}

/** A letter holds the body itself; the object it was in may be gone. */
function withoutReference(event: Event): Event {
  if (event.kind !== 'response' || event.response.response_data === undefined) return event;
  const { body: _, ...response } = event.response;
  return { ...event, response };
}
