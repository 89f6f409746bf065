import { UnknownCarrierVersion } from '../events/carrierReader.ts';
import { ByteCache } from '../platform/byteCache.ts';
import { delay } from '../platform/clock.ts';
import { AppError } from '../platform/errors.ts';
import { mapPool } from '../platform/pool.ts';
import { within } from '../platform/within.ts';
import type { LeasedDocuments } from '../quota/leasedDocuments.ts';
import type { Operations } from '../quota/operations.ts';
import { BufferFull, GroupCommitter } from '../staging/groupCommit.ts';
import { isOwnFault } from './apart.ts';
import { Attempts, type Ending } from './attempts.ts';
import { Backoff } from './backoff.ts';
import { Committer } from './committer.ts';
import {
  type Arrival,
  arrivalOf,
  type Delivery,
  type Dispatch,
  expectedBytes,
  isSuspect,
  openDelivery,
} from './delivery.ts';
import { Flusher } from './flusher.ts';
import { halve, workOnSuspect } from './isolation.ts';
import type { Kind, Snapshot } from './kind.ts';
import {
  gatherLingerMs,
  markedFromRetry,
  maxGatheredBytes,
  maxGatheredCarriers,
  maxHeldBytes,
  maxReadBytes,
  maxTurnWaitMs,
  openedAtOnce,
  openMs,
} from './limits.ts';
import type { FlushParts } from './parts.ts';
import { keepUnreadCarrier } from './unread.ts';

export interface FlushOptions extends Omit<FlushParts, 'attempts' | 'backoff'> {
  /** The kinds of documents that are written; an event that none of them owns stays queued. */
  kinds: readonly Kind[];
  documents: LeasedDocuments;
  /** Names this process. */
  instance: string;
  tickMs: number;
  /** Operations of Firestore that flushes have cost this process. */
  spent(): Operations;
  /** Once documents of so many bytes were read, they are written before others are read. */
  maxReadBytes?: number | undefined;
}

/** What the functions below share. */
interface Engine extends FlushParts {
  flusher: Flusher;
}

/** Makes the handler of `flush`'s dispatches: resolved means acknowledged, rejected means that the carrier comes again. */
export function createFlush(options: FlushOptions): (dispatch: Dispatch) => Promise<void> {
  const engine = engineOf(options);
  const { attempts, backoff, clock } = engine;
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
        const outcomes = await inTurn(() => workTogether(engine, part));
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
  return async (dispatch) => {
    const arrival = await arrive(engine, dispatch);
    if (arrival === undefined) return;
    const { carrier } = arrival;
    if (backoff.isParked && carrier.flushBefore === undefined && !arrival.fault) {
      return putBack(engine, arrival, backoff.parkedUntilMs);
    }
    const broken = isMarked(arrival) ? await attempts.broken(carrier) : 0;
    // A carrier that may kill the process lets those go first that come with it.
    if (broken > 0) await delay(clock, gatherLingerMs);
    if (broken > 0 || isSuspect(arrival)) return inTurn(() => workAlone(engine, arrival, broken));
    try {
      await workWithOthers(arrival);
    } catch (error) {
      if (!(error instanceof BufferFull)) throw error;
      await putBack(engine, arrival, backoff.roomAtMs(expectedBytes(carrier)));
    }
  };
}

function engineOf({ kinds, documents, instance, tickMs, spent, ...shared }: FlushOptions): Engine {
  const { clock, objects } = shared;
  const attempts = new Attempts({ objects, clock, instance });
  const parts: FlushParts = { ...shared, attempts, backoff: new Backoff({ clock, tickMs }) };
  const committers = kinds.map((kind) => {
    const cache = new ByteCache<Snapshot>(kind.maxCacheBytes);
    const readBytes = shared.maxReadBytes ?? maxReadBytes;
    return { kind, committer: new Committer({ kind, documents, cache, maxReadBytes: readBytes, clock }) };
  });
  return { ...parts, flusher: new Flusher({ parts, kinds: committers, spent }) };
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

/** Divides carriers, in their order, into parts of as much as is opened at once. */
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

/** Reads a dispatch's carrier; undefined where another version wrote it, which waits then. */
async function arrive(engine: Engine, dispatch: Dispatch): Promise<Arrival | undefined> {
  try {
    return arrivalOf(dispatch, engine.clock.now());
  } catch (error) {
    if (!(error instanceof UnknownCarrierVersion)) throw error;
    await keepUnreadCarrier(engine, dispatch.data, error.message);
    return undefined;
  }
}

/** True where attempts at it are counted. */
function isMarked(arrival: Arrival): boolean {
  return arrival.retryCount >= markedFromRetry || isSuspect(arrival);
}

/** Puts a carrier again, unopened and all that it says. Throws AppError `unavailable`. */
async function putBack(
  { outbox, backoff, clock }: Engine,
  { data, fault }: Arrival,
  notBeforeMs: number,
  changes: Record<string, unknown> = {},
): Promise<void> {
  if (fault !== undefined) throw tooLate();
  const dueMs = backoff.tickMs(notBeforeMs);
  const carrier = { ...(data as object), ...changes, due_ms: dueMs };
  await within(clock, openMs, outbox.sendData('flush', carrier, dueMs), tooLate);
}

function tooLate(): AppError {
  return new AppError('unavailable', 'There is no time for this carrier now; it comes again.');
}

/** True for a carrier that waited too long for its turn to be answered in time. */
function isLate({ clock }: Engine, { arrivedMs }: Arrival): boolean {
  return clock.now() - arrivedMs > maxTurnWaitMs;
}

/** Opens what came, as much of it as memory has room for, and flushes that together. */
async function workTogether(
  engine: Engine,
  arrivals: readonly Arrival[],
): Promise<PromiseSettledResult<void>[]> {
  const { flusher, attempts } = engine;
  const opened = await openAll(engine, arrivals);
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

/** Opens each carrier that came; undefined where it was put back, or goes on as two. */
async function openAll(
  engine: Engine,
  arrivals: readonly Arrival[],
): Promise<PromiseSettledResult<Delivery | undefined>[]> {
  const { attempts, objects, clock } = engine;
  let bytes = 0;
  return mapPool(arrivals, openedAtOnce, async (arrival) => {
    const [result] = await Promise.allSettled([
      (async () => {
        // Carriers that did not say how large they are may be larger than was guessed.
        if (isLate(engine, arrival) || bytes >= maxGatheredBytes) {
          await putBack(engine, arrival, clock.now());
          return undefined;
        }
        if (isMarked(arrival)) await attempts.begin(arrival.carrier, 0);
        const delivery = await within(clock, openMs, openDelivery(arrival, objects), tooLate);
        if ('lines' in delivery) {
          await within(clock, openMs, halve(engine, arrival.carrier, delivery.lines), tooLate);
          return undefined;
        }
        bytes += delivery.unfoldedBytes;
        return delivery;
      })(),
    ]);
    return result;
  });
}

/** Does work on all of these; where it failed as a whole, so did each. */
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

async function workAlone(engine: Engine, arrival: Arrival, broken: number): Promise<void> {
  const { attempts, clock } = engine;
  const { carrier } = arrival;
  if (isLate(engine, arrival)) {
    return putBack(engine, arrival, clock.now(), { tries: Math.max(1, carrier.tries ?? 0) });
  }
  await attempts.begin(carrier, broken);
  try {
    await workOnSuspect(engine, engine.flusher, arrival, broken);
  } catch (error) {
    await attempts.end(carrier, endingOf(error), broken);
    throw error;
  }
  await attempts.end(carrier, 'done', broken);
}

function endingOf(error: unknown): Ending {
  return isOwnFault(error) ? 'broken' : 'outage';
}
