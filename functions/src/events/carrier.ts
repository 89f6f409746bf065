import { promisify } from 'node:util';
import { deflateRaw, deflateRawSync } from 'node:zlib';
import type { Event } from './event.ts';
import type { Stamp } from './stamp.ts';

const compress = promisify(deflateRaw);

/** The fastest level; chunks that hold a whole carrier. */
const compression = { level: 1, chunkSize: 64 * 1024 };

/** Compressing up to this takes a millisecond or two, of which the ways to a thread and back would cost as much. */
const maxSyncLength = 256 * 1024;

/**
 * Most bytes of a carrier as sent. Cloud Tasks bills by 32 KB and the official emulator refuses 76 KB; the platform's
 * pages disagree on the limit (https://cloud.google.com/tasks/docs/quotas says 1 MiB, the API's comment 100 KB).
 */
export const maxCarrierBytes = 60_000;

/** One Cloud Tasks task: many events, compressed, or the name of the object that holds them. */
export interface Carrier {
  schema: number;
  /** The time at which the carrier should be delivered, milliseconds since the epoch. */
  dueMs: number;
  /** The number of events in it. */
  count: number;
  /** The oldest event's stamp, or undefined in a carrier without events. */
  oldest?: Stamp | undefined;
  /** A flush was asked for: whatever was accepted up to this stamp is ready. */
  flushBefore?: Stamp | undefined;
  /** Since when it waits for a version that can read it, milliseconds since the epoch. */
  unreadSinceMs?: number | undefined;
  /** The end of a pause of `flush` that the carrier stands for; it then holds no events. */
  pauseUntilMs?: number | undefined;
  /** Bytes of the contents unfolded, so that whoever has no room need not open it. */
  unfoldedBytes?: number | undefined;
  /**
   * The times that our own code broke on its events, or on a carrier that they were part of: they are handled alone.
   */
  tries?: number | undefined;
  /** The events: raw deflate, base64. */
  events?: string | undefined;
  /** The Cloud Storage object that holds them (raw deflate) instead. */
  object?: string | undefined;
}

/** An event as its line in a carrier. */
export function eventLine(event: Event): string {
  return JSON.stringify(event);
}

/** Folds event lines, with line feeds between them, into a carrier's contents, and tells their bytes before. */
export async function foldText(
  text: string | Uint8Array,
): Promise<{ packed: Buffer; unfoldedBytes: number }> {
  const isShort = text.length <= maxSyncLength;
  const packed = isShort ? deflateRawSync(text, compression) : await compress(text, compression);
  return { packed, unfoldedBytes: Buffer.byteLength(text) };
}

/** A carrier's word about its contents. */
export type CarrierHeader = Omit<Carrier, 'events' | 'object'>;

/** A carrier with these contents inside; the caller sees to its size. */
export function carrierOf(parts: CarrierHeader & ({ packed: Buffer } | { object: string })): Carrier {
  if (!('packed' in parts)) return parts;
  const { packed, ...header } = parts;
  return { ...header, events: packed.toString('base64') };
}

/** The JSON value that travels as the task's `data`. */
export function carrierToWire(carrier: Carrier): Record<string, unknown> {
  return {
    schema: carrier.schema,
    due_ms: carrier.dueMs,
    count: carrier.count,
    oldest: carrier.oldest,
    flush_before: carrier.flushBefore,
    unread_since_ms: carrier.unreadSinceMs,
    unfolded_bytes: carrier.unfoldedBytes,
    tries: carrier.tries,
    pause_until_ms: carrier.pauseUntilMs,
    events: carrier.events,
    object: carrier.object,
  };
}

/** Bytes as sent of a carrier with these contents inside, without making it. */
export function packedCarrierBytes({ packed, ...header }: CarrierHeader & { packed: Buffer }): number {
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
