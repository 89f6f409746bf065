import { type Amounts, scaledAmounts } from '../../local/bill/bill.ts';
import { requestLogBytes } from '../../local/functions/usage.ts';
import { type AmountsByCause, type Coefficients, logsCause, totalOf } from './coefficients.ts';

/** Miners that ask for their tasks. */
export interface Polling {
  miners: number;
  /** Each miner's, by two loops that ask at one address, as existing miners have. */
  pollsPerMinute: number;
  /** Bytes of an answer's body, before it is compressed. */
  pollBytes: number;
  /** POLL_CACHE_SECONDS; 0: every poll reaches a function. */
  pollCacheSeconds: number;
}

/** READ_CACHE_SECONDS, the default: an instance reads its list of open tasks as often as this at most. */
const readCacheSeconds = 5;

/**
 * Polls of a second that reach a function, of a miner whose two loops each ask every `2 / pollsPerSecond`, one of them
 * at any time of the other's wait. While the cache is kept shorter than half the wait, it helps where the loops meet;
 * up to the whole wait it answers one loop; beyond, it is filled once in its time.
 */
export function missesPerSecond(pollsPerSecond: number, cacheSeconds: number): number {
  if (pollsPerSecond === 0) return 0;
  const loopSeconds = 2 / pollsPerSecond;
  if (cacheSeconds >= loopSeconds) return 1 / cacheSeconds;
  if (cacheSeconds >= loopSeconds / 2) return pollsPerSecond / 2;
  return pollsPerSecond * (1 - (cacheSeconds * pollsPerSecond) / 2);
}

/** The least that a request is billed for: https://cloud.google.com/run/pricing */
export const billedUnitSeconds = 0.1;

/**
 * The share of their billed units that is left of requests at a rate: those of one instance that come within another's
 * unit go on with it, as chance has it, so that no instance is billed beyond the time that passes.
 */
export function sharedTime(rate: number, instances: number): number {
  const units = (rate * billedUnitSeconds) / instances;
  return units === 0 ? 1 : (1 - Math.exp(-units)) / units;
}

/** Polls of so many days, those that Hosting answers included. */
export function pollsOf({ miners, pollsPerMinute }: Polling, days: number): number {
  return miners * pollsPerMinute * days * 24 * 60;
}

/** Shorter bodies are sent as they are. */
const leastCompressed = 200;
/** `content-encoding: gzip` and what `Vary` names for it. */
const encodingBytes = 41;
/** A first task, compressed, and the share that is left of others: tasks of half a kilobyte, their texts random. */
const firstTaskBytes = 220;
const compressedShare = 0.19;

/** Bytes of a body as they are sent to a miner that takes gzip, as clients in Python do. */
export function sentBytes(bodyBytes: number): number {
  if (bodyBytes < leastCompressed) return bodyBytes;
  return Math.min(bodyBytes, firstTaskBytes + compressedShare * bodyBytes) + encodingBytes;
}

/** Amounts of a month of so many days. */
export function pollCauses(polling: Polling, { poll }: Coefficients, days: number): AmountsByCause {
  const { miners, pollsPerMinute, pollBytes, pollCacheSeconds } = polling;
  const seconds = days * 24 * 3600;
  const polls = pollsOf(polling, days);
  if (polls === 0) return {};
  const misses = miners * missesPerSecond(pollsPerMinute / 60, pollCacheSeconds) * seconds;
  const reads = Math.min(misses, (poll.max_instances * seconds) / readCacheSeconds);
  const causes: Record<string, Partial<Amounts>> = {};
  const shared = sharedTime(misses / seconds, poll.max_instances);
  for (const [cause, amounts] of Object.entries(poll.per_miss)) {
    const used = scaledAmounts(totalOf({ [cause]: amounts }), misses);
    const { vcpuSecond, gibSecond } = used;
    causes[cause] = { ...used, vcpuSecond: vcpuSecond * shared, gibSecond: gibSecond * shared };
  }
  return {
    ...causes,
    'polls: Firestore': { firestoreRead: reads },
    'polls: answers': { hostingByte: polls * (sentBytes(pollBytes) + poll.header_bytes) },
    [logsCause]: { logByte: misses * requestLogBytes },
  };
}
