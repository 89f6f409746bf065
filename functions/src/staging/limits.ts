import { maxCarrierBytes } from '../events/carrier.ts';

/**
 * Bytes of event lines that one group gathers before it goes. Miners' texts compress, base64 included, to
 * half or two thirds; a group that does not fit one carrier is compressed again in halves, which costs more
 * than a carrier not full.
 */
export const maxGroupBytes = 1.5 * maxCarrierBytes;

/** Requests in one group. */
export const maxGroupRequests = 500;

/**
 * Linger for each request a second that overlaps another, in milliseconds: at 20 a second, four share a carrier, so
 * that 50 events a second cost half a queue operation each although two functions take them.
 */
export const lingerMsPerRate = 10;

/** Requests that are company enough: with each more, a request saves less than a hundredth of an operation. */
export const enoughRequests = 20;

/** The time over which the rate of requests is measured. */
export const rateMs = 1_000;

/** Groups being written at once; past that requests gather in the next group. */
export const maxGroupsInFlight = 8;

/** Bytes of event lines that may wait in one instance; past that callers get 503. */
export const maxPendingBytes = 64 * 1024 * 1024;

/** Callers give up after 10 s; what stage() does is over before. */
export const stageDeadlineMs = 8_000;

/** One attempt at Cloud Tasks, and one at Cloud Storage, so that both fit in the deadline. */
export const tasksTimeoutMs = 2_000;
export const storageTimeoutMs = 2_500;

/** Failures in a row after which Cloud Tasks is left alone for a while. */
export const breakerThreshold = 3;
export const breakerOpenMs = 10_000;

/** Age of a spooled carrier from which Cloud Tasks was out, not slow for once: what else was spooled goes with it. */
export const outageMs = 10_000;

/**
 * Spooled carriers in one list, and put back at once: more would time out on the quarter of a vCPU of `filed`. Past
 * `maxSweepMs` a sweep begins no more (index.ts: 60 s).
 */
export const maxSweptPage = 1_000;
export const sweptAtOnce = 8;
export const maxSweepMs = 40_000;
