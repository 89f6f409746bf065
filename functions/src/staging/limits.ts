import { maxCarrierBytes } from '../events/carrier.ts';

/**
 * Bytes of event lines that one group gathers before it goes; such text compresses to a third or less, so a group
 * mostly fits one carrier (two thirds of `maxCarrierBytes` is left after base64).
 */
export const maxGroupBytes = 2 * maxCarrierBytes;

/** Requests in one group. */
export const maxGroupRequests = 500;

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

/** Spooled carriers that one sweep puts back. */
export const maxSweptCarriers = 1_000;
