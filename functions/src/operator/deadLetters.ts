import * as z from 'zod/mini';
import { carrierFromWire } from '../events/carrierReader.ts';
import { type Event, targetOf } from '../events/event.ts';
import { readEvent } from '../events/readEvent.ts';
import { type Stamp, type StampSource, stampMs } from '../events/stamp.ts';
import { maxEventAgeMs } from '../flush/limits.ts';
import { nextTickMs } from '../platform/clock.ts';
import { AppError } from '../platform/errors.ts';
import { type Json, parseWritten } from '../platform/json.ts';
import { type ObjectFacts, ownObjects } from '../platform/objects.ts';
import { mapPool } from '../platform/pool.ts';
import type { Using } from '../platform/services.ts';
import { contentOf, storeLargeBodies, withContent } from '../staging/bodies.ts';
import {
  deadLetterId,
  deadLetterName,
  deadLettersPrefix,
  isDeadLetterName,
} from '../staging/deadLetterName.ts';
import { type Outbox, packEvents } from '../staging/outbox.ts';
import { maxListedLetterBytes, replayDelayMs } from './limits.ts';

export interface DeadLetterOptions extends Using<'clock' | 'ids' | 'logger' | 'objects'> {
  outbox: Outbox;
  stamps: StampSource;
  tickMs: number;
  responseInlineMaxBytes: number;
}

/** Strict: a letter with more in it is another version's, and would lose that when it is replayed. */
const letterSchema = z.strictObject({
  id: z.string(),
  reason: z.string(),
  detail: z.string(),
  at: z.string(),
  event: z.optional(z.unknown()),
  raw: z.optional(z.string()),
  carrier: z.optional(z.record(z.string(), z.unknown())),
});
type Letter = z.infer<typeof letterSchema>;

/**
 * Lists at most `limit` dead letters in the order of their ids, after the id `after`; what cannot be told of one is
 * null. This and what follows throw AppError `unavailable` when Cloud Storage fails.
 */
export async function listLetters({ objects }: DeadLetterOptions, limit: number, after?: string) {
  const from = after === undefined ? undefined : deadLetterName(after);
  const found: ObjectFacts[] = [];
  const all = ownObjects(objects, deadLettersPrefix, { isOwn: isDeadLetterName, limit, after: from });
  for await (const letter of all) if (found.push(letter) === limit) break;
  return mapPool(found, lettersReadAtOnce, async ({ name, bytes, createdMs }) => {
    const stored = bytes > maxListedLetterBytes ? undefined : await objects.get(name);
    const letter = stored && letterOf(parsed(stored.bytes));
    const event = letter && eventOf(letter);
    return {
      id: deadLetterId(name),
      reason: letter?.reason ?? null,
      detail: letter?.detail ?? null,
      at: letter?.at ?? new Date(createdMs).toISOString(),
      kind: event?.kind ?? null,
      target: event === undefined ? null : targetOf(event),
      bytes,
    };
  });
}

/** Reads the dead letter of an id, whole. Throws AppError `not_found`. */
export async function readLetter({ objects }: DeadLetterOptions, id: string): Promise<Json> {
  const stored = await objects.get(deadLetterName(id));
  if (stored === undefined) throw new AppError('not_found', 'There is no such dead letter.');
  return parsed(stored.bytes);
}

/**
 * Sends the event, or the carrier, of a dead letter to the flush again, and takes the letter away. An event keeps its
 * stamp, unless it is too old for that. Returns the stamp, of a carrier the oldest.
 * @throws AppError `not_found`; `conflict` where there is nothing in it that this version can read.
 */
export async function replayLetter(options: DeadLetterOptions, id: string): Promise<Stamp | undefined> {
  const { objects, clock, tickMs, logger } = options;
  const letter = letterOf(await readLetter(options, id));
  // Failing again it becomes the same letter: not before this one is gone, or that would go as well.
  const dueMs = nextTickMs(clock.now() + replayDelayMs, tickMs);
  const stamp = await (letter?.carrier === undefined
    ? replayEvent(options, letter && eventOf(letter), dueMs)
    : replayCarrier(options, letter.carrier, dueMs));
  await objects.delete(deadLetterName(id));
  logger.info('Replayed a dead letter', { id, stamp });
  return stamp;
}

async function replayEvent(
  options: DeadLetterOptions,
  event: Event | undefined,
  dueMs: number,
): Promise<Stamp> {
  if (event === undefined) throw nothingToReplay();
  const isOld = options.clock.now() - stampMs(event.stamp) > maxEventAgeMs;
  const fresh = isOld ? { ...event, stamp: options.stamps.next() } : event;
  const [small = fresh] = await storeLargeBodies([withoutReference(fresh)], options);
  await options.outbox.sendContents('flush', await packEvents([small], small.stamp), dueMs);
  return small.stamp;
}

async function replayCarrier(
  { outbox }: DeadLetterOptions,
  carrier: Record<string, unknown>,
  dueMs: number,
): Promise<Stamp | undefined> {
  const data = { ...carrier, due_ms: dueMs, unread_since_ms: undefined };
  let oldest: Stamp | undefined;
  try {
    ({ oldest } = carrierFromWire(data));
  } catch (cause) {
    throw nothingToReplay(cause);
  }
  await outbox.sendData('flush', data, dueMs);
  return oldest;
}

/** Drops a dead letter for good. Throws AppError `not_found`. */
export async function removeLetter(options: DeadLetterOptions, id: string): Promise<void> {
  await readLetter(options, id);
  await options.objects.delete(deadLetterName(id));
  options.logger.warn('Deleted a dead letter', { id });
}

const lettersReadAtOnce = 8;

function parsed(bytes: Buffer): Json {
  try {
    return parseWritten(bytes.toString('utf8'));
  } catch {
    return bytes.toString('utf8');
  }
}

function nothingToReplay(cause?: unknown): AppError {
  return new AppError('conflict', 'It holds nothing that this version can replay.', { cause });
}

const letterOf = (value: Json): Letter | undefined => letterSchema.safeParse(value).data;

/** The event in a letter; a line that could not be read may be one for the code of today. */
function eventOf({ event, raw }: Letter): Event | undefined {
  const found = readEvent(event ?? parsed(Buffer.from(raw ?? '')));
  return 'event' in found ? found.event : undefined;
}

/** A letter holds the body itself; the object it was in may be gone. */
function withoutReference(event: Event): Event {
  const { data } = contentOf(event);
  return data === undefined ? event : withContent(event, { data });
}
