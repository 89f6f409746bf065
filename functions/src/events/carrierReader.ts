import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';
import { z } from 'zod';
import { type Carrier, knownSchemas } from './carrier.ts';
import type { Event } from './event.ts';
import { eventSchema } from './eventSchema.ts';
import { stampPattern } from './stamp.ts';

const decompress = promisify(inflateRaw);

/** Most decompressed bytes that a carrier may unfold to; more is corrupt or hostile. */
export const maxCarrierUnfoldedBytes = 64 * 1024 * 1024;

const carrierWire = z.object({
  schema: z.literal(knownSchemas),
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
      `Carrier schema ${knownSchemas.join(' or ')} was expected, ${JSON.stringify(found)} came; leaving it queued.`,
    );
    this.name = 'UnknownCarrierVersion';
  }
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
  const schema =
    typeof data === 'object' && data !== null ? (data as Record<string, unknown>)['schema'] : undefined;
  if (typeof schema === 'number' && !knownSchemas.some((known) => known === schema))
    throw new UnknownCarrierVersion(schema);
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
