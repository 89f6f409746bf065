import { UnknownCarrierVersion } from '../events/carrierReader.ts';
import { type Clock, delay } from '../platform/clock.ts';
import { AppError } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { ObjectStore } from '../platform/objects.ts';
import { mapPool } from '../platform/pool.ts';
import { within } from '../platform/within.ts';
import { BufferFull, GroupCommitter } from '../staging/groupCommit.ts';
import type { Outbox } from '../staging/outbox.ts';
import { nextTickMs } from '../staging/tick.ts';
import { isOwnFault } from './apart.ts';
import type { Attempts, Ending } from './attempts.ts';
import type { DeadLetters } from './deadLetters.ts';
import {
  type Arrival,
  arrivalOf,
  type Delivery,
  type Dispatch,
  expectedBytes,
  openDelivery,
} from './delivery.ts';
import type { Flusher } from './flusher.ts';
import { halve, workOnSuspect } from './isolation.ts';
import {
  backlogBytesPerSecond,
  earlyMs,
  gatherLingerMs,
  markedFromRetry,
  maxGatheredBytes,
  maxGatheredCarriers,
  maxHeldBytes,
  maxTurnWaitMs,
  openedAtOnce,
  openMs,
} from './limits.ts';
import { keepUnreadCarrier } from './unread.ts';

export interface FlushHandlerOptions {
  flusher: Flusher;
  deadLetters: DeadLetters;
  attempts: Attempts;
  outbox: Outbox;
  objects: ObjectStore;
  clock: Clock;
  logger: Logger;
  tickMs: number;
}

/** Handles dispatches of `flush`: resolved means acknowledged, rejected means it comes again. */
export function flushHandler(options: FlushHandlerOptions): (dispatch: Dispatch) => Promise<void> {
  const { flusher, attempts, clock } = options;
  const inTurn = oneAfterTheOther();
  const gather = new GroupCommitter<Gathered>({
    maxItems: maxGatheredCarriers,
    maxBytes: maxGatheredBytes,
    maxPendingBytes: maxHeldBytes,
    maxInFlight: 1,
    lingerMs: gatherLingerMs,
    clock,
    write: async (gathered) => {
      // A group that gathered while another was worked on may hold more than memory has room for.
      for (const part of inParts(gathered)) {
        const outcomes = await inTurn(() => workTogether(options, part));
        for (const [index, { settle }] of part.entries()) settle(outcomes[index] ?? done);
      }
      return gathered.map(() => done);
    },
  });
  const workWithOthers = (arrival: Arrival): Promise<void> =>
    new Promise((resolve, reject) => {
      const settle: Gathered['settle'] = (outcome) =>
        outcome.status === 'fulfilled' ? resolve() : reject(outcome.reason);
      gather.submit({ ...arrival, settle }, expectedBytes(arrival.carrier)).catch(reject);
    });
  let hasRoomMs = 0;
  /** A carrier without room comes again when those that found none before it had their time. */
  const nextRoomMs = (bytes: number): number => {
    hasRoomMs = Math.max(hasRoomMs, clock.now()) + (bytes / backlogBytesPerSecond) * 1000;
    return hasRoomMs;
  };
  return async (dispatch) => {
    const arrival = await arrive(options, dispatch);
    if (arrival === undefined) return;
    const { carrier } = arrival;
    if (flusher.parkedUntilMs > clock.now() && carrier.flushBefore === undefined && !arrival.fault) {
      return putBack(options, arrival, flusher.parkedUntilMs);
    }
    const broken = isMarked(arrival) ? await attempts.broken(carrier) : 0;
    // A carrier that may kill the process lets those go first that come with it.
    if (broken > 0) await delay(clock, gatherLingerMs);
    if (broken > 0 || isSuspect(arrival)) return inTurn(() => workAlone(options, arrival, broken));
    try {
      await workWithOthers(arrival);
    } catch (error) {
      if (!(error instanceof BufferFull)) throw error;
      await putBack(options, arrival, nextRoomMs(expectedBytes(carrier)));
    }
  };
}

/** A carrier that waits for its turn with others, and who is to be told. */
interface Gathered extends Arrival {
  settle(outcome: PromiseSettledResult<void>): void;
}

const done: PromiseSettledResult<void> = { status: 'fulfilled', value: undefined };

/** Runs pieces of work in their order, each once the one before has ended. */
function oneAfterTheOther(): <Result>(work: () => Promise<Result>) => Promise<Result> {
  let working: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = working.then(work);
    working = result.catch(() => undefined);
    return result;
  };
}

/** In their order, each part as much as is opened at once. */
function inParts<Item extends Arrival>(arrivals: readonly Item[]): Item[][] {
  const parts: Item[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const arrival of arrivals) {
    bytes += expectedBytes(arrival.carrier);
    if (bytes > maxGatheredBytes) {
      parts.push([]);
      bytes = expectedBytes(arrival.carrier);
    }
    parts.at(-1)?.push(arrival);
  }
  return parts;
}

/** The carrier that came; undefined where another version wrote it, which waits then. */
async function arrive(options: FlushHandlerOptions, dispatch: Dispatch): Promise<Arrival | undefined> {
  try {
    return arrivalOf(dispatch, options.clock.now());
  } catch (error) {
    if (!(error instanceof UnknownCarrierVersion)) throw error;
    await keepUnreadCarrier(options, dispatch.data, error.message);
    return undefined;
  }
}

/** Part of what broke off before, or of what our code broke on. */
function isSuspect({ carrier }: Arrival): boolean {
  return (carrier.tries ?? 0) > 0;
}

/** True where attempts at it are counted. */
function isMarked(arrival: Arrival): boolean {
  return arrival.retryCount >= markedFromRetry || isSuspect(arrival);
}

/** Puts a carrier again, unopened and all that it says. Throws AppError `unavailable`. */
async function putBack(
  { outbox, clock, tickMs }: FlushHandlerOptions,
  { data, fault }: Arrival,
  notBeforeMs: number,
  changes: Record<string, unknown> = {},
): Promise<void> {
  if (fault !== undefined) throw tooLate();
  const dueMs = nextTickMs(notBeforeMs, tickMs);
  const carrier = { ...(data as object), ...changes, due_ms: dueMs };
  await within(clock, openMs, outbox.sendData('flush', carrier, dueMs), tooLate);
}

function tooLate(): AppError {
  return new AppError('unavailable', 'There is no time for this carrier now; it comes again.');
}

/** True for a carrier that waited too long for its turn to be answered in time. */
function isLate({ clock }: FlushHandlerOptions, { arrivedMs }: Arrival): boolean {
  return clock.now() - arrivedMs > maxTurnWaitMs;
}

/** Opens what came, as much of it as memory has room for, and flushes that together. */
async function workTogether(
  options: FlushHandlerOptions,
  arrivals: readonly Arrival[],
): Promise<PromiseSettledResult<void>[]> {
  const { flusher, attempts } = options;
  const opened = await openAll(options, arrivals);
  const deliveries = opened.flatMap((each) => (each.status === 'fulfilled' ? (each.value ?? []) : []));
  const flushed = (await settledAll(deliveries, () => flusher.flush(deliveries))).values();
  const outcomes = opened.map((each): PromiseSettledResult<void> => {
    if (each.status === 'rejected') return each;
    const outcome = each.value === undefined ? undefined : flushed.next().value;
    return outcome ?? done;
  });
  await mapPool([...arrivals.entries()], openedAtOnce, async ([index, arrival]) => {
    if (!isMarked(arrival)) return;
    const outcome = outcomes[index];
    const ending = outcome?.status === 'rejected' ? endingOf(outcome.reason) : 'done';
    await attempts.end(arrival.carrier, ending, 0);
  });
  return outcomes;
}

/** Each carrier that came, opened; undefined where it was put back, or goes on as two. */
async function openAll(
  options: FlushHandlerOptions,
  arrivals: readonly Arrival[],
): Promise<PromiseSettledResult<Delivery | undefined>[]> {
  const { attempts, objects, clock } = options;
  let bytes = 0;
  return mapPool(arrivals, openedAtOnce, async (arrival) => {
    const [result] = await Promise.allSettled([
      (async () => {
        // Carriers that did not say how large they are may be larger than was guessed.
        if (isLate(options, arrival) || bytes >= maxGatheredBytes) {
          await putBack(options, arrival, clock.now());
          return undefined;
        }
        if (isMarked(arrival)) await attempts.begin(arrival.carrier, 0);
        const delivery = await within(clock, openMs, openDelivery(arrival, objects), tooLate);
        if ('lines' in delivery) {
          await within(clock, openMs, halve(options, arrival.carrier, delivery.lines), tooLate);
          return undefined;
        }
        bytes += delivery.unfoldedBytes;
        return delivery;
      })(),
    ]);
    return result;
  });
}

/** The outcome of work on all of these for each; where it failed as a whole, so did each. */
async function settledAll(
  deliveries: readonly Delivery[],
  work: () => Promise<PromiseSettledResult<void>[]>,
): Promise<PromiseSettledResult<void>[]> {
  if (deliveries.length === 0) return [];
  try {
    return await work();
  } catch (reason) {
    return deliveries.map(() => ({ status: 'rejected', reason }));
  }
}

async function workAlone(options: FlushHandlerOptions, arrival: Arrival, broken: number): Promise<void> {
  const { attempts, clock } = options;
  const { carrier } = arrival;
  if (isLate(options, arrival)) {
    return putBack(options, arrival, clock.now(), { tries: Math.max(1, carrier.tries ?? 0) });
  }
  await attempts.begin(carrier, broken);
  try {
    await workOnSuspect(options, arrival, broken);
  } catch (error) {
    await attempts.end(carrier, endingOf(error), broken);
    throw error;
  }
  await attempts.end(carrier, 'done', broken);
}

function endingOf(error: unknown): Ending {
  return isOwnFault(error) ? 'broken' : 'outage';
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
