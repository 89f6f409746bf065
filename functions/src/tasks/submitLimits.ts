/** Limits of one request's submissions. */

export const maxResponsesPerRequest = 1000;

/** The longest text of a field, where nothing smaller holds; the body's limit is what counts. */
export const maxTextLength = 8 * 1024 * 1024;

export const maxMinerUid = 65_535;

/** A task's fields together, as JSON: its document holds 1 MiB, with the responses and their bookkeeping. */
export const maxTaskFieldsBytes = 512 * 1024;

export const maxAssignedMiners = 1024;
export const maxInputFields = 32;
