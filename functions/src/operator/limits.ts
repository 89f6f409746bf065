/** The time for which a status is answered again from memory. */
export const statusCacheMs = 5_000;

/** Longest wait for Cloud Tasks or Cloud Storage before a part of the status is unknown. */
export const statusTimeoutMs = 4_000;

/** Carriers that `?detail=true`, or one look of a waiting flush, lists: 1 to 2 billed operations each. */
export const maxListedCarriers = 500;

/** Task ids that a status names. */
export const maxNamedTasks = 1_000;

/**
 * Dead letters are counted this far, by one list of Cloud Storage (5 dollars a million), and no more often than this:
 * where there were some, somebody may be at work on them.
 */
export const maxCountedLetters = 1_000;
export const noLettersCacheMs = 60_000;
export const someLettersCacheMs = 5_000;

/** Longest pause of the queue, which keeps its tasks for 31 days. */
export const maxPauseMs = 20 * 86_400_000;

/** The time that `POST /v1/flush?wait=true` waits. */
export const maxFlushWaitMs = 25_000;

/** Carriers that a flush which is waited for has dispatched before they are due, of the 60 a minute that may be. */
export const maxDispatchedEarly = 50;
export const dispatchedAtOnce = 8;

/** Dead letters in one list, each a read of Cloud Storage; larger ones are listed unopened. */
export const defaultListedLetters = 20;
export const maxListedLetters = 100;
export const maxListedLetterBytes = 1024 * 1024;

/** Before a replayed event comes to the flush: longer than it takes to delete its letter, retry and all. */
export const replayDelayMs = 10_000;
