/**
 * Most responses that a task keeps, from proxies and for miners that it ever named, and as many from other keys of
 * miners: the earliest of each kind stay, later ones become dead letters.
 */
export const maxResponsesPerTask = 256;

/**
 * Most validators whose evaluations a task keeps: the latest of each, and of too many those that were accepted latest.
 * The others become dead letters. A subnet has as many validators.
 */
export const maxEvaluationsPerTask = 64;

/** Most miners that a task remembers to have named. */
export const maxNamedMiners = 2_048;

/**
 * The time for which a document stays that nothing but answers of miners' keys made, after the last of them. Longer
 * than events may be old (`maxEventAgeMs` of the flush): by then no creation can arrive.
 */
export const orphanMs = 50 * 86_400_000;

/** Most fields whose stamps a task keeps, so that with those of responses and statuses there are at most 1,300. */
export const maxFieldStamps = 700;

/** Bodies of one task that are written, marked or fetched in Cloud Storage at once. */
export const bodiesInFlight = 8;

/** Most bodies noted that a task no longer refers to. */
export const maxReplacedBodies = 20;

/** `required_miner_count` and `min_miner_count` where the creation does not say. */
export const defaultRequiredMinerCount = 3;
export const defaultMinMinerCount = 1;

/** Feed readers query by shard, so that no one index range takes every write. */
export const feedShards = 4;
export const allFeedShards: readonly number[] = Array.from({ length: feedShards }, (_, shard) => shard);

/**
 * Most bytes of a task document as Sluice counts them. Firestore's limit is 1 MiB
 * (https://cloud.google.com/firestore/quotas#limits); the rest is room for the difference of the counts.
 */
export const maxTaskDocumentBytes = 1_000_000;

/** Memory for what an instance of `flush` knows of tasks that it wrote. */
export const maxTaskCacheBytes = 64 * 1024 * 1024;

/**
 * The time that a stamp which a caller gave may be ahead, and be past: an hour less than the 45 days that events may be
 * old (`maxEventAgeMs` of the flush), so that what is accepted can still wait.
 */
export const maxStampAheadMs = 60_000;
export const maxStampAgeMs = 45 * 86_400_000 - 3_600_000;
