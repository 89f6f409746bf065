import type { Carrier } from '../events/carrier.ts';
import {
  CorruptCarrier,
  carrierFromWire,
  eventsIn,
  type UnpackedEvent,
  unfold,
} from '../events/carrierReader.ts';
import { taskSchema } from '../events/carrierVersion.ts';
import type { ObjectStore } from '../platform/objects.ts';
import { maxGatheredBytes, unfoldingGuess } from './limits.ts';

/** One dispatch of a task queue function: its `data`, its name in Cloud Tasks, how often it was delivered before. */
export interface Dispatch {
  id?: string | undefined;
  data: unknown;
  retryCount: number;
}

/** A carrier that came and is not opened yet. */
export interface Arrival extends Dispatch {
  carrier: Carrier;
  /** The time at which it came, milliseconds since the epoch. */
  arrivedMs: number;
  /** The reason for which it is no carrier, if it is none. */
  fault?: string | undefined;
}

/** A carrier that arrived, unfolded. */
export interface Delivery extends Arrival {
  events: UnpackedEvent[];
  unfoldedBytes: number;
}

/** True for a part of what broke off before, or of what our code broke on. */
export function isSuspect({ carrier }: Pick<Arrival, 'carrier'>): boolean {
  return (carrier.tries ?? 0) > 0;
}

/** Reads the header of a dispatch's carrier. Throws UnknownCarrierVersion. */
export function arrivalOf({ data, retryCount }: Dispatch, arrivedMs: number): Arrival {
  try {
    return { data, retryCount, arrivedMs, carrier: carrierFromWire(data) };
  } catch (error) {
    if (!(error instanceof CorruptCarrier)) throw error;
    const carrier = { schema: taskSchema, dueMs: 0, count: 1 };
    return { data, retryCount, arrivedMs, carrier, fault: error.message };
  }
}

/** Bytes that a carrier will unfold to, as it says; for one that does not say, more than most do. */
export function expectedBytes({ unfoldedBytes, events, object }: Carrier): number {
  if (unfoldedBytes !== undefined) return unfoldedBytes;
  return object === undefined ? (events?.length ?? 0) * unfoldingGuess : maxGatheredBytes;
}

/**
 * Unfolds a carrier that came; where that is more than can be worked on at once, only to lines. Corrupt contents come
 * as one unreadable event.
 * @throws AppError `unavailable` when its body object cannot be fetched.
 */
export async function openDelivery(
  arrival: Arrival,
  objects: ObjectStore,
): Promise<Delivery | { lines: Buffer }> {
  const { data, carrier, fault } = arrival;
  try {
    if (fault !== undefined) throw new CorruptCarrier(fault);
    const lines = await unfold(await contentsOf(carrier, objects));
    if (lines.length > maxGatheredBytes && lines.includes(lineFeed)) return { lines };
    return { ...arrival, events: eventsIn(lines), unfoldedBytes: lines.length };
  } catch (error) {
    if (!(error instanceof CorruptCarrier)) throw error;
    const events = [{ invalid: JSON.stringify(data) ?? '', reason: error.message }];
    return { ...arrival, events, unfoldedBytes: 0 };
  }
}

async function contentsOf({ events, object }: Carrier, objects: ObjectStore): Promise<Uint8Array> {
  if (events !== undefined) return Buffer.from(events, 'base64');
  if (object === undefined) return emptyDeflateStream;
  const stored = await objects.get(object);
  if (stored === undefined) throw new CorruptCarrier(`Its contents, ${object}, are gone.`);
  return stored.bytes;
}

const lineFeed = 10;

const emptyDeflateStream = Buffer.from([3, 0]);
