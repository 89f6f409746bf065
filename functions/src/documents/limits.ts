/** Most stamps that a document keeps, and most bytes of their field paths; past that the oldest fold into a floor. */
export const maxStamps = 1_000;
export const maxStampedPathBytes = 64 * 1024;

/** Firestore's limit on a document (https://cloud.google.com/firestore/quotas#limits). */
export const maxDocumentBytes = 1_048_576;

/** Maps and lists in one another, those that a dotted path leads through included (same page). */
export const maxNesting = 20;

/** Firestore's limit on a field's name (same page). */
export const maxFieldNameBytes = 1_500;

/** Operations in one request. */
export const maxOperationsPerRequest = 500;

/**
 * The time for which a deletion is remembered. Longer than events may be old (`maxEventAgeMs` of the flush): by then no
 * operation that it must beat can arrive.
 */
export const tombstoneMs = 50 * 86_400_000;

/** Memory for what an instance of `flush` knows of documents that it wrote. */
export const maxDocumentCacheBytes = 16 * 1024 * 1024;
