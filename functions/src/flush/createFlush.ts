import { UnknownCarrierVersion } from '../events/carrierReader.ts';
import { ByteCache } from '../platform/byteCache.ts';
import { delay, within } from '../platform/clock.ts';
import { during } from '../platform/origin.ts';
import { mapPool, oneAfterTheOther } from '../platform/pool.ts';
import type { LeasedDocuments } from '../quota/leasedDocuments.ts';
import { BufferFull, GroupCommitter } from '../staging/groupCommit.ts';
import { isOwnFault } from './apart.ts';
import { Attempts, type Ending } from './attempts.ts';
import { Backoff } from './backoff.ts';
import { Committer } from './committer.ts';
import { DeadLetters } from './deadLetters.ts';
import {
  type Arrival,
  arrivalOf,
  type Delivery,
  type Dispatch,
  expectedBytes,
  isSuspect,
} from './delivery.ts';
import { Flusher, type FlusherOptions } from './flusher.ts';
import { open, tooLate, workOnSuspect } from './isolation.ts';
import type { Kind, Snapshot } from './kind.ts';
import {
  gatherQuietMs,
  markedFromRetry,
  maxGatheredBytes,
  maxGatheredCarriers,
  maxGatherMs,
  maxHeldBytes,
  maxReadBytes,
  maxTurnWaitMs,
  openedAtOnce,
  openMs,
} from './limits.ts';
import type { Failures } from './run.ts';
import { type FlushParts, requeueUnreadCarrier } from './waiting.ts';

interface FlushOptions
  extends Omit<FlushParts, 'attempts' | 'backoff' | 'deadLetters'>,
    Pick<FlusherOptions, 'meter'> {
  /** The kinds of documents that are written; an event that none of them owns stays queued. */
  kinds: readonly Kind[];
  documents: LeasedDocuments;
  /** Names this process. */
  instance: string;
  tickMs: number;
  /** Once documents of so many bytes were read, they are written before others are read. */
  maxReadBytes?: number | undefined;
}

/** The engine: its parts, and the flusher that works with them. */
interface Engine extends FlushParts {
  flusher: Flusher;
}

/**
 * Makes the handler of `flush`'s dispatches: resolved means acknowledged, rejected means that the carrier comes again.
 */
export function createFlush(options: FlushOptions): (dispatch: Dispatch) => Promise<void> {
  const engine = engineOf(options);
  const { attempts, backoff, clock } = engine;
  const inTurn = oneAfterTheOther();
  const gather = new GroupCommitter<Gathered>({
    maxItems: maxGatheredCarriers,
    maxBytes: maxGatheredBytes,
    maxPendingBytes: maxHeldBytes,
    maxInFlight: 1,
    linger: ({ nowMs, startedMs }) => Math.min(maxGatherMs, nowMs - startedMs + gatherQuietMs),
    clock,
    write: async (gathered) => {
      // A group that gathered while another was worked on may hold more than memory has room for. Each part is
      // acknowledged once it is done, not with its group, so carriers are settled here.
      for (const part of inParts(gathered)) {
        const failures = await inTurn(() => workTogether(engine, part));
        for (const { carrier, resolve, reject } of part) {
          if (failures.has(carrier)) reject(failures.get(carrier));
          else resolve();
        }
      }
      return gathered.map(() => ({ status: 'fulfilled', value: undefined }));
    },
  });
  const handle = async (dispatch: Dispatch): Promise<void> => {
    const arrival = await arrive(engine, dispatch);
    if (arrival === undefined) return;
    const { carrier } = arrival;
    if (backoff.isParked && carrier.flushBefore === undefined && !arrival.fault) {
      return putBack(engine, arrival, backoff.parkedUntilMs);
    }
    const broken = isMarked(arrival) ? await attempts.broken(carrier) : 0;
    // A carrier that may kill the process lets those go first that come with it.
    if (broken > 0) await delay(clock, maxGatherMs);
    if (broken > 0 || isSuspect(arrival)) return inTurn(() => workAlone(engine, arrival, broken));
    try {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      gather.submit({ ...arrival, resolve, reject }, expectedBytes(carrier)).catch(reject);
      await promise;
    } catch (error) {
      if (!(error instanceof BufferFull)) throw error;
      await putBack(engine, arrival, backoff.roomAtMs(expectedBytes(carrier)));
    }
  };
  return (dispatch) => during({ carrier: dispatch.id }, () => handle(dispatch));
}

function engineOf({ kinds, documents, instance, tickMs, meter, ...shared }: FlushOptions): Engine {
  const { clock } = shared;
  const deadLetters = new DeadLetters(shared);
  const attempts = new Attempts({ ...shared, instance });
  const parts: FlushParts = { ...shared, deadLetters, attempts, backoff: new Backoff({ clock, tickMs }) };
  const readBytes = shared.maxReadBytes ?? maxReadBytes;
  const atWork = kinds.map((kind) => {
    const cache = new ByteCache<Snapshot>(kind.maxCacheBytes);
    const options = { kind, documents, deadLetters, cache, maxReadBytes: readBytes, clock };
    return { kind, committer: new Committer(options) };
  });
  return { ...parts, flusher: new Flusher({ parts, kinds: atWork, meter }) };
}

/** A carrier that waits for its turn with others, and its dispatch. */
interface Gathered extends Arrival {
  resolve(): void;
  reject(reason: unknown): void;
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
    await requeueUnreadCarrier(engine, dispatch.data, error.message);
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
  const carrier = { ...(data as object), ...changes };
  await within(clock, openMs, outbox.sendData('flush', carrier, backoff.tickMs(notBeforeMs)), tooLate);
}

/** True for a carrier that waited too long for its turn to be answered in time. */
function isLate({ clock }: Engine, { arrivedMs }: Arrival): boolean {
  return clock.now() - arrivedMs > maxTurnWaitMs;
}

/** Opens what came, as much of it as memory has room for, and flushes that together. */
async function workTogether(engine: Engine, arrivals: readonly Arrival[]): Promise<Failures> {
  const { flusher, attempts } = engine;
  const { deliveries, failures } = await openAll(engine, arrivals);
  for (const [carrier, error] of await flusher.flush(deliveries)) failures.set(carrier, error);
  await mapPool(arrivals.filter(isMarked), openedAtOnce, ({ carrier }) =>
    attempts.end(carrier, failures.has(carrier) ? endingOf(failures.get(carrier)) : 'done', 0),
  );
  return failures;
}

/** Opens the carriers that came, but for those that are put back, or go on as two. */
async function openAll(
  engine: Engine,
  arrivals: readonly Arrival[],
): Promise<{ deliveries: Delivery[]; failures: Failures }> {
  const { attempts, clock } = engine;
  const failures: Failures = new Map();
  let bytes = 0;
  const opened = await mapPool(arrivals, openedAtOnce, async (arrival) => {
    try {
      // Carriers that did not say how large they are may be larger than was guessed.
      if (isLate(engine, arrival) || bytes >= maxGatheredBytes) {
        await putBack(engine, arrival, clock.now());
        return [];
      }
      if (isMarked(arrival)) await attempts.begin(arrival.carrier, 0);
      const delivery = await open(engine, arrival);
      bytes += delivery?.unfoldedBytes ?? 0;
      return delivery ?? [];
    } catch (error) {
      failures.set(arrival.carrier, error);
      return [];
    }
  });
  return { deliveries: opened.flat(), failures };
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
