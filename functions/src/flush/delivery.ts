import type { Carrier } from '../events/carrier.ts';
import { CorruptCarrier, carrierFromWire, type UnpackedEvent, unpackLines } from '../events/carrierReader.ts';
import { taskSchema } from '../events/schemas.ts';
import type { ObjectStore } from '../platform/objects.ts';

/** A carrier that arrived, unfolded. */
export interface Delivery {
  carrier: Carrier;
  /** How often it was delivered before and not acknowledged. */
  retryCount: number;
  /** When it came, milliseconds since the epoch. */
  arrivedMs: number;
  events: UnpackedEvent[];
  unfoldedBytes: number;
}

/**
 * Unfolds what a dispatch brought. Corrupt contents come as one unreadable event.
 * @throws UnknownCarrierVersion; AppError `unavailable` when its body object cannot be fetched.
 */
export async function openDelivery(
  { data, retryCount, arrivedMs }: { data: unknown; retryCount: number; arrivedMs: number },
  objects: ObjectStore,
): Promise<Delivery> {
  try {
    const carrier = carrierFromWire(data);
    const packed = await contentsOf(carrier, objects);
    return { carrier, retryCount, arrivedMs, ...(await unpackLines(packed)) };
  } catch (error) {
    if (!(error instanceof CorruptCarrier)) throw error;
    const carrier: Carrier = { schema: taskSchema, dueMs: 0, count: 1 };
    const events = [{ invalid: JSON.stringify(data) ?? '', reason: error.message }];
    return { carrier, retryCount, arrivedMs, events, unfoldedBytes: 0 };
  }
}

async function contentsOf({ events, object }: Carrier, objects: ObjectStore): Promise<Uint8Array> {
  if (events !== undefined) return Buffer.from(events, 'base64');
  if (object === undefined) return nothing;
  const stored = await objects.get(object);
  if (stored === undefined) throw new CorruptCarrier(`Its contents, ${object}, are gone.`);
  return stored.bytes;
}

/** An empty deflate stream. */
const nothing = Buffer.from([3, 0]);
