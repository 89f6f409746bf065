/**
 * Limits of the service (firebase.google.com/docs/firestore/quotas, firebase.google.com/docs/firestore/storage-size).
 */
export const maxDocumentBytes = 1_048_576;
export const maxRequestBytes = 10 * 1_048_576;
export const maxFieldValueBytes = 1_048_487;
export const maxIdBytes = 1500;
export const maxPathBytes = 6 * 1024;
export const maxCollectionDepth = 100;
export const maxFieldNameBytes = 1500;
export const maxDepth = 20;
export const maxTransformsPerDocument = 500;
export const maxDisjunctions = 30;
export const maxNotInValues = 10;
export const maxQueryParts = 100;
export const maxInequalityFields = 10;
export const maxAggregations = 5;
export const maxIndexEntries = 40_000;
export const maxIndexEntriesBytes = 8 * 1_048_576;
export const maxIndexedValueBytes = 1500;

/** A transaction ends by itself after this time without a call, or this time in all. */
export const transactionIdleMs = 60_000;
export const transactionTotalMs = 270_000;

/** The reach of `read_time` into the past without point-in-time recovery. */
export const historyMs = 3_600_000;

/** Old versions kept for reads in the past take at most this much, whatever {@link historyMs} says. */
export const maxHistoryBytes = 64 * 1_048_576;
