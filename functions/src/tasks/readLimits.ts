/** Longest wait for Firestore before a reader gets 503, or the feed's memory. Old callers give up after 10 s. */
export const readTimeoutMs = 7_000;
export const feedTimeoutMs = 4_000;

/** Bytes of answers that one instance keeps for READ_CACHE_SECONDS. */
export const maxCachedBytes = 64 * 1024 * 1024;

/** The time for which the absence of a task is remembered: much shorter, as it is asked for because it is expected. */
export const absentCacheMs = 1_000;

/** Bytes of response bodies that are put together in one answer; Cloud Run's answers end at 32 MB. */
export const maxAnsweredBodyBytes = 20 * 1024 * 1024;

/** The longest wait of `?wait=completed`, seconds. */
export const maxWaitSeconds = 25;

/** Tasks on one page, and bytes of a page. */
export const defaultPageSize = 20;
export const maxPageSize = 100;
export const maxPageBytes = 24 * 1024 * 1024;

/** The feed: how far back it looks again, how often it loads everything, and documents in one query. */
export const feedOverlapMs = 2_000;
export const feedReloadMs = 600_000;
export const feedPageSize = 250;

/** Documents in one query of the feed after some failed: of 1 MiB each they come in time at a sixth of a vCPU. */
export const leastFeedPageSize = 8;

/** Bytes of open tasks, as a miner sees them, in an instance of 1 GiB; past that those seen first are let go. */
export const maxFeedBytes = 96 * 1024 * 1024;

/** Tasks that are over: as many of the latest are read at first, and to catch up. */
export const finalPageSize = 250;

/** Completed tasks in one answer to a validator, its bytes, and documents in one query for them. */
export const maxCompletedTasks = 200;
export const maxCompletedBytes = 16_000_000;
export const completedPageSize = 25;

/** Completed tasks that are read in search of those that validators can read: others may be all that there are. */
export const maxOlderTasks = 5 * maxCompletedTasks;

/** One poll's answer; a miner with more open tasks sees the oldest. */
export const maxPolledTasks = 1_000;
export const maxPolledBytes = 8 * 1024 * 1024;
