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
import { keepUnreadCarrier, keepUnreadLines } from './unread.ts';

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
    if (delivery === undefined) return;
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

/** The carrier, unfolded; undefined where another version wrote it, which waits then. */
async function open(options: FlushHandlerOptions, dispatch: Dispatch): Promise<Delivery | undefined> {
  try {
    return await openDelivery({ ...dispatch, arrivedMs: options.clock.now() }, options.objects);
  } catch (error) {
    if (!(error instanceof UnknownCarrierVersion)) throw error;
    await keepUnreadCarrier(options, dispatch.data, error.message);
    return undefined;
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
async function split(options: FlushHandlerOptions, delivery: Delivery): Promise<void> {
  const { outbox, clock, deadLetters, logger } = options;
  logger.warn('A carrier keeps failing; going on with its events one by one', {
    events: delivery.events.length,
  });
  for (const unpacked of delivery.events) {
    if ('invalid' in unpacked) {
      const { invalid: raw, reason: detail } = unpacked;
      await deadLetters.keep({ reason: 'unreadable', detail, content: { raw } });
    } else if ('unknown' in unpacked) await keepUnreadLines(options, delivery.carrier, [unpacked]);
    else {
      const { event } = unpacked;
      await outbox.sendContents('flush', await packEvents([event], event.stamp), clock.now());
    }
  }
}

async function giveUp(options: FlushHandlerOptions, delivery: Delivery): Promise<void> {
  const { deadLetters } = options;
  const { carrier, events, retryCount } = delivery;
  for (const unpacked of events) {
    if ('unknown' in unpacked) {
      await keepUnreadLines(options, carrier, [unpacked]);
      continue;
    }
    const content = 'invalid' in unpacked ? { raw: unpacked.invalid } : { event: unpacked.event };
    await deadLetters.keep({
      reason: 'fails_repeatedly',
      detail: `Failed ${retryCount} times, alone too.`,
      content,
    });
  }
}

/**
 * Handles dispatches of `expire`: a carrier of deadlines that are due goes on to `flush`, unopened and of whatever version;
 * what cannot be read waits there, or becomes dead letters. The end of a pause resumes `flush`.
 */
export function expireHandler({
  outbox,
  clock,
  tickMs,
  endPause,
}: Pick<FlushHandlerOptions, 'outbox' | 'clock' | 'tickMs'> & {
  endPause(untilMs: number): Promise<unknown>;
}) {
  return async ({ data }: Pick<Dispatch, 'data'>): Promise<void> => {
    const carrier = typeof data === 'object' && data !== null ? data : { unreadable: data };
    if ('due_ms' in carrier && Number(carrier.due_ms) - clock.now() > earlyMs) {
      // Only the official emulator does this. Applying it now would end the task before its time.
      throw new AppError('unavailable', 'Deadlines came before their time; they must be delivered again.');
    }
    if ('pause_until_ms' in carrier) {
      await endPause(Number(carrier.pause_until_ms));
      return;
    }
    const dueMs = nextTickMs(clock.now(), tickMs);
    await outbox.sendData('flush', { ...carrier, due_ms: dueMs }, dueMs);
  };
}
