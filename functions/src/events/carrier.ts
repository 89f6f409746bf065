import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import { z } from 'zod';
import { type Event, eventSchema } from './event.ts';
import { type Stamp, stampPattern } from './stamp.ts';

const compress = promisify(deflateRaw);
const decompress = promisify(inflateRaw);

/** The newest form of carriers; a flusher that does not know a carrier's version leaves it in the queue. */
export const carrierSchemaVersion = 1;

/**
 * Most bytes of a carrier as sent. Cloud Tasks bills by 32 KB and the official emulator refuses 76 KB; the platform's
 * pages disagree on the limit (https://cloud.google.com/tasks/docs/quotas says 1 MiB, the API's comment 100 KB).
 */
export const maxCarrierBytes = 60_000;

/** Most decompressed bytes that a carrier may unfold to; more is corrupt or hostile. */
export const maxCarrierUnfoldedBytes = 64 * 1024 * 1024;

/** One Cloud Tasks task: many events, compressed, or the name of the object that holds them. */
export interface Carrier {
  schema: number;
  /** When it should be delivered, milliseconds since the epoch. */
  dueMs: number;
  /** How many events it holds. */
  count: number;
  /** The oldest event's stamp, or undefined in a carrier without events. */
  oldest?: Stamp | undefined;
  /** A flush was asked for: whatever was accepted up to this stamp is ready. */
  flushBefore?: Stamp | undefined;
  /** The events: raw deflate, base64. */
  events?: string | undefined;
  /** The Cloud Storage object that holds them (raw deflate) instead. */
  object?: string | undefined;
}

const carrierWire = z.object({
  schema: z.literal(carrierSchemaVersion),
  due_ms: z.number(),
  count: z.int().nonnegative(),
  oldest: z.string().regex(stampPattern).optional(),
  flush_before: z.string().regex(stampPattern).optional(),
  events: z.string().optional(),
  object: z.string().optional(),
});

/** A carrier of a version this code does not know: it must stay in the queue until code that does is deployed. */
export class UnknownCarrierVersion extends Error {
  constructor(found: unknown) {
    super(
      `Carrier schema ${carrierSchemaVersion} was expected, ${JSON.stringify(found)} came; leaving it queued.`,
    );
    this.name = 'UnknownCarrierVersion';
  }
}

/** A carrier or its contents that no version can read. */
export class CorruptCarrier extends Error {
  override readonly name = 'CorruptCarrier';
}

/** An event as its line in a carrier. */
export function eventLine(event: Event): string {
  return JSON.stringify(event);
}

/** Event lines as a carrier's compressed contents. */
export function packLines(lines: readonly string[]): Promise<Buffer> {
  return compress(lines.join('\n'), { level: 1 });
}

/** A carrier with these contents inside; the caller sees to its size. */
export function carrierOf(
  parts: { dueMs: number; count: number; oldest?: Stamp | undefined } & (
    | { packed: Buffer }
    | { object: string }
  ),
): Carrier {
  const { dueMs, count, oldest } = parts;
  const header = { schema: carrierSchemaVersion, dueMs, count, oldest };
  return 'packed' in parts
    ? { ...header, events: parts.packed.toString('base64') }
    : { ...header, object: parts.object };
}

/** The JSON value that travels as the task's `data`. */
export function carrierToWire(carrier: Carrier): Record<string, unknown> {
  return {
    schema: carrier.schema,
    due_ms: carrier.dueMs,
    count: carrier.count,
    oldest: carrier.oldest,
    flush_before: carrier.flushBefore,
    events: carrier.events,
    object: carrier.object,
  };
}

/** Bytes of the carrier as sent, in the `{"data": …}` envelope of task queue functions. */
export function carrierBytes(carrier: Carrier): number {
  const { events } = carrier;
  // Base64 is ASCII and never escaped, so only the rest need be written out.
  const rest = events === undefined ? carrier : { ...carrier, events: '' };
  return Buffer.byteLength(JSON.stringify({ data: carrierToWire(rest) })) + (events?.length ?? 0);
}

/**
 * Reads a task's `data`.
 * @throws UnknownCarrierVersion, CorruptCarrier
 */
export function carrierFromWire(data: unknown): Carrier {
  const schema =
    typeof data === 'object' && data !== null ? (data as Record<string, unknown>)['schema'] : undefined;
  if (typeof schema === 'number' && schema !== carrierSchemaVersion) throw new UnknownCarrierVersion(schema);
  const parsed = carrierWire.safeParse(data);
  if (!parsed.success) throw new CorruptCarrier(`Not a carrier: ${z.prettifyError(parsed.error)}`);
  const { due_ms: dueMs, flush_before: flushBefore, ...rest } = parsed.data;
  return { ...rest, dueMs, flushBefore };
}

/** A line of a carrier: an event, or what stood there and why it is none. */
export type UnpackedEvent = { event: Event } | { invalid: string; reason: string };

/**
 * Unfolds compressed event lines; a bad line stands alone among good ones.
 * @throws CorruptCarrier when the whole does not unfold.
 */
export async function unpackLines(
  packed: Uint8Array,
): Promise<{ events: UnpackedEvent[]; unfoldedBytes: number }> {
  let text: Buffer;
  try {
    text = await decompress(packed, { maxOutputLength: maxCarrierUnfoldedBytes });
  } catch (cause) {
    throw new CorruptCarrier('The carrier does not decompress.', { cause });
  }
  const lines = text.length === 0 ? [] : text.toString('utf8').split('\n');
  return { events: lines.map(unpackLine), unfoldedBytes: text.length };
}

function unpackLine(line: string): UnpackedEvent {
  try {
    const parsed = eventSchema.safeParse(JSON.parse(line));
    return parsed.success
      ? { event: parsed.data }
      : { invalid: line, reason: `Not an event: ${z.prettifyError(parsed.error)}` };
  } catch {
    return { invalid: line, reason: 'Not an event: not JSON.' };
  }
}
