import { eventLine, packLines } from '../events/carrier.ts';
import { carrierFromWire, UnknownCarrierVersion } from '../events/carrierReader.ts';
import type { Clock } from '../platform/clock.ts';
import { AppError } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { ObjectStore } from '../platform/objects.ts';
import { BufferFull, GroupCommitter } from '../staging/groupCommit.ts';
import { type Outbox, packEvents } from '../staging/outbox.ts';
import { nextTickMs } from '../staging/tick.ts';
import type { DeadLetters } from './deadLetters.ts';
import { type Delivery, openDelivery } from './delivery.ts';
import { type Flusher, postponed } from './flusher.ts';
import {
  aloneAfterRetries,
  deadAfterRetries,
  deadUntriedAfterRetries,
  earlyMs,
  gatherLingerMs,
  maxGatheredBytes,
  maxGatheredCarriers,
  maxHeldBytes,
  outageMemoryMs,
  splitAfterRetries,
} from './limits.ts';

export interface FlushHandlerOptions {
  flusher: Flusher;
  deadLetters: DeadLetters;
  outbox: Outbox;
  objects: ObjectStore;
  clock: Clock;
  logger: Logger;
  tickMs: number;
}

/** One dispatch of a task queue function: its `data`, and how often it was delivered before. */
export interface Dispatch {
  data: unknown;
  retryCount: number;
}

/** Handles dispatches of `flush`: resolved means acknowledged, rejected means it comes again. */
export function flushHandler(options: FlushHandlerOptions): (dispatch: Dispatch) => Promise<void> {
  const { flusher, clock } = options;
  let working: Promise<unknown> = Promise.resolve();
  const alone = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const result = working.then(work);
    working = result.catch(() => undefined);
    return result;
  };
  const gather = new GroupCommitter<Delivery>({
    maxItems: maxGatheredCarriers,
    maxBytes: maxGatheredBytes,
    maxPendingBytes: maxHeldBytes,
    maxInFlight: 1,
    lingerMs: gatherLingerMs,
    clock,
    write: (deliveries) => alone(() => flusher.flush(deliveries)),
  });
  let outageMs = Number.NEGATIVE_INFINITY;
  return async ({ data, retryCount }) => {
    if (await isParked(options, data)) return;
    const delivery = await open(options, { data, retryCount });
    if (retryCount < aloneAfterRetries) return gatherOrPostpone(options, gather, delivery);
    if (retryCount >= splitAfterRetries && delivery.events.length > 1) return split(options, delivery);
    const isLastTry = retryCount >= deadAfterRetries && delivery.events.length === 1;
    const isSuspect = retryCount >= deadUntriedAfterRetries && clock.now() - outageMs > outageMemoryMs;
    if (isLastTry && isSuspect) return giveUp(options, delivery);
    try {
      const [outcome] = await alone(() => flusher.flush([delivery]));
      if (outcome?.status === 'rejected') throw outcome.reason;
    } catch (error) {
      if (isOutage(error)) outageMs = clock.now();
      if (!isLastTry || isOutage(error)) throw error;
      await giveUp(options, delivery);
    }
  };
}

/** A service was down, which is not the event's fault. */
function isOutage(error: unknown): boolean {
  return error instanceof AppError && error.code === 'unavailable';
}

/** While Firestore is left alone, a carrier goes back as it came. */
async function isParked(
  { flusher, outbox, clock, tickMs }: FlushHandlerOptions,
  data: unknown,
): Promise<boolean> {
  if (flusher.parkedUntilMs <= clock.now()) return false;
  const carrier = carrierOrUndefined(data);
  if (carrier === undefined || carrier.flushBefore !== undefined) return false;
  await outbox.send('flush', postponed(carrier, nextTickMs(flusher.parkedUntilMs, tickMs)));
  return true;
}

function carrierOrUndefined(data: unknown) {
  try {
    return carrierFromWire(data);
  } catch {
    return undefined;
  }
}

async function open({ objects, clock, logger }: FlushHandlerOptions, dispatch: Dispatch): Promise<Delivery> {
  try {
    return await openDelivery({ ...dispatch, arrivedMs: clock.now() }, objects);
  } catch (error) {
    if (error instanceof UnknownCarrierVersion) logger.error('A carrier of another version waits', { error });
    throw error;
  }
}

async function gatherOrPostpone(
  { outbox, clock, tickMs }: FlushHandlerOptions,
  gather: GroupCommitter<Delivery>,
  delivery: Delivery,
): Promise<void> {
  try {
    await gather.submit(delivery, delivery.unfoldedBytes);
  } catch (error) {
    if (!(error instanceof BufferFull)) throw error;
    await outbox.send('flush', postponed(delivery.carrier, nextTickMs(clock.now(), tickMs)));
  }
}

/** Sends each event on in a carrier of its own, so that the one that kills or fails the rest is alone. */
async function split(
  { outbox, clock, deadLetters, logger }: FlushHandlerOptions,
  delivery: Delivery,
): Promise<void> {
  logger.warn('A carrier keeps failing; going on with its events one by one', {
    events: delivery.events.length,
  });
  for (const unpacked of delivery.events) {
    if ('invalid' in unpacked) {
      const { invalid: raw, reason: detail } = unpacked;
      await deadLetters.keep({ reason: 'unreadable', detail, content: { raw } });
    } else {
      const { event } = unpacked;
      await outbox.sendContents('flush', await packEvents([event], event.stamp), clock.now());
    }
  }
}

async function giveUp({ deadLetters }: FlushHandlerOptions, { events, retryCount }: Delivery): Promise<void> {
  for (const unpacked of events) {
    const content = 'invalid' in unpacked ? { raw: unpacked.invalid } : { event: unpacked.event };
    await deadLetters.keep({
      reason: 'fails_repeatedly',
      detail: `Failed ${retryCount} times, alone too.`,
      content,
    });
  }
}

/** Handles dispatches of `expire`: what is due becomes events for `flush`. */
export function expireHandler({
  outbox,
  objects,
  clock,
  tickMs,
}: Omit<FlushHandlerOptions, 'flusher' | 'deadLetters'>) {
  return async ({ data, retryCount }: Dispatch): Promise<void> => {
    const { carrier, events } = await openDelivery({ data, retryCount, arrivedMs: clock.now() }, objects);
    if (carrier.dueMs - clock.now() > earlyMs) {
      // Only the official emulator does this. Applying it now would end the task before its time.
      throw new AppError('unavailable', 'Deadlines came before their time; they must be delivered again.');
    }
    // What cannot be read goes on as it is: the flush makes dead letters.
    const due = events.map((unpacked) =>
      'event' in unpacked ? eventLine(unpacked.event) : unpacked.invalid,
    );
    const { schema, oldest } = carrier;
    const contents = { schema, packed: await packLines(due), count: due.length, oldest };
    await outbox.sendContents('flush', contents, nextTickMs(clock.now(), tickMs));
  };
}
