import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';
import * as z from 'zod/mini';
import { parseWritten } from '../platform/json.ts';
import type { Carrier } from './carrier.ts';
import { knownSchemas } from './carrierVersion.ts';
import type { Event } from './event.ts';
import { readEvent } from './readEvent.ts';
import { stampPattern } from './stamp.ts';

const decompress = promisify(inflateRaw);

/** Most decompressed bytes that a carrier may unfold to; more is corrupt or hostile. */
export const maxCarrierUnfoldedBytes = 64 * 1024 * 1024;

const carrierWire = z.strictObject({
  schema: z.literal(knownSchemas),
  due_ms: z.number(),
  count: z.int().check(z.minimum(0)),
  oldest: z.optional(z.string().check(z.regex(stampPattern))),
  flush_before: z.optional(z.string().check(z.regex(stampPattern))),
  unread_since_ms: z.optional(z.number()),
  unfolded_bytes: z.optional(z.int().check(z.minimum(0))),
  tries: z.optional(z.int().check(z.minimum(0))),
  pause_until_ms: z.optional(z.number()),
  events: z.optional(z.string()),
  object: z.optional(z.string()),
});

/** A carrier of a version this code does not know: it must wait, unopened, until code that does is deployed. */
export class UnknownCarrierVersion extends Error {
  override readonly name = 'UnknownCarrierVersion';
}

/** A carrier or its contents that no version can read. */
export class CorruptCarrier extends Error {
  override readonly name = 'CorruptCarrier';
}

/**
 * Reads a task's `data`.
 * @throws UnknownCarrierVersion, CorruptCarrier
 */
export function carrierFromWire(data: unknown): Carrier {
  const schema = isRecord(data) ? data['schema'] : undefined;
  if (typeof schema === 'number' && !knownSchemas.some((known) => known === schema)) {
    throw new UnknownCarrierVersion(
      `Carrier schema ${knownSchemas.join(', ')} was expected, ${schema} came.`,
    );
  }
  const parsed = carrierWire.safeParse(data);
  if (!parsed.success) {
    const isUnknown =
      typeof schema === 'number' && parsed.error.issues.some(({ code }) => code === 'unrecognized_keys');
    const message = `Not a carrier: ${z.prettifyError(parsed.error)}`;
    throw isUnknown ? new UnknownCarrierVersion(message) : new CorruptCarrier(message);
  }
  const { due_ms, flush_before, unread_since_ms, pause_until_ms, unfolded_bytes, ...rest } = parsed.data;
  return {
    ...rest,
    dueMs: due_ms,
    flushBefore: flush_before,
    unreadSinceMs: unread_since_ms,
    pauseUntilMs: pause_until_ms,
    unfoldedBytes: unfolded_bytes,
  };
}

/** A line of a carrier: an event, or what stood there and why this version, or any, reads none. */
export type UnpackedEvent =
  | { event: Event }
  | { unknown: string; reason: string }
  | { invalid: string; reason: string };

/** Unfolds compressed event lines, which line feeds divide. Throws CorruptCarrier. */
export async function unfold(packed: Uint8Array): Promise<Buffer> {
  try {
    return await decompress(packed, { maxOutputLength: maxCarrierUnfoldedBytes });
  } catch (cause) {
    throw new CorruptCarrier('The carrier does not decompress.', { cause });
  }
}

/** The events of unfolded lines; a bad line stands alone among good ones. */
export function eventsIn(text: Buffer): UnpackedEvent[] {
  return text.length === 0 ? [] : text.toString('utf8').split('\n').map(unpackLine);
}

/** Numbers are written with all their digits; only an event that says so means integers by them. */
function lineValue(line: string): unknown {
  const value = JSON.parse(line) as { exact?: unknown } | null;
  return value?.exact === true ? parseWritten(line) : value;
}

function unpackLine(line: string): UnpackedEvent {
  let value: unknown;
  try {
    value = lineValue(line);
  } catch {
    return { invalid: line, reason: 'Not an event: not JSON.' };
  }
  const read = readEvent(value);
  if ('event' in read) return read;
  return 'unknown' in read
    ? { unknown: line, reason: read.unknown }
    : { invalid: line, reason: read.invalid };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
