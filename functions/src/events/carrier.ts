import { promisify } from 'node:util';
import { deflateRaw, deflateRawSync } from 'node:zlib';
import type { Event } from './event.ts';
import type { Stamp } from './stamp.ts';

const compress = promisify(deflateRaw);

/** The fastest level; chunks that hold a whole carrier. */
const compression = { level: 1, chunkSize: 64 * 1024 };

/** Compressing up to this takes a millisecond or two, of which the ways to a thread and back would cost as much. */
const maxSyncLength = 256 * 1024;

/** A carrier that holds nothing but events of tasks, or none. */
export const taskSchema = 1;

/** A carrier that holds operations, maybe beside events of tasks. */
export const operationSchema = 2;

/** Whoever does not know a carrier's schema leaves it in the queue, so that code which does can be deployed. */
export const knownSchemas = [taskSchema, operationSchema] as const;

/** The oldest schema whose readers know all of these events. */
export function schemaOf(events: readonly Event[]): number {
  return events.some(({ kind }) => kind === 'operation') ? operationSchema : taskSchema;
}

/**
 * Most bytes of a carrier as sent. Cloud Tasks bills by 32 KB and the official emulator refuses 76 KB; the platform's
 * pages disagree on the limit (https://cloud.google.com/tasks/docs/quotas says 1 MiB, the API's comment 100 KB).
 */
export const maxCarrierBytes = 60_000;

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

/** An event as its line in a carrier. */
export function eventLine(event: Event): string {
  return JSON.stringify(event);
}

/** Event lines as a carrier's compressed contents. */
export function packLines(lines: readonly string[]): Promise<Buffer> {
  return packText(lines.join('\n'));
}

/** Event lines, with line feeds between them, as a carrier's compressed contents. */
export async function packText(text: string | Uint8Array): Promise<Buffer> {
  return text.length <= maxSyncLength ? deflateRawSync(text, compression) : compress(text, compression);
}

/** A carrier with these contents inside; the caller sees to its size. */
export function carrierOf(
  parts: Pick<Carrier, 'schema' | 'dueMs' | 'count' | 'oldest'> & ({ packed: Buffer } | { object: string }),
): Carrier {
  const { schema, dueMs, count, oldest } = parts;
  const header = { schema, dueMs, count, oldest };
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

/** Bytes as sent of a carrier with these contents inside, without making it. */
export function packedCarrierBytes({
  packed,
  ...header
}: Pick<Carrier, 'schema' | 'dueMs' | 'count' | 'oldest'> & { packed: Buffer }): number {
  const base64Length = Math.ceil(packed.length / 3) * 4;
  return carrierBytes({ ...header, events: '' }) + base64Length;
}

/** Bytes of the carrier as sent, in the `{"data": …}` envelope of task queue functions. */
export function carrierBytes(carrier: Carrier): number {
  const { events } = carrier;
  // Base64 is ASCII and never escaped, so only the rest need be written out.
  const rest = events === undefined ? carrier : { ...carrier, events: '' };
  return Buffer.byteLength(JSON.stringify({ data: carrierToWire(rest) })) + (events?.length ?? 0);
}
