/** Bytes that one instance takes from callers before it answers 413 or 503. */
export interface HttpLimits {
  /** Bytes of one request's body, MAX_BODY_BYTES. */
  maxBodyBytes: number;
  /** Bytes of the bodies being handled at the same time; past it callers get 503. */
  maxHeldBytes: number;
}

export const defaultHttpLimits: HttpLimits = {
  maxBodyBytes: 8 * 1024 * 1024,
  maxHeldBytes: 64 * 1024 * 1024,
};

/** Answers that took longer are shared with nobody: their key was looked up too long ago. */
export const maxSharedAnswerMs = 1000;

/** Arrays and objects in one JSON text: a million empty ones are 3 MB of text and 150 MB of memory. */
export const maxJsonContainers = 300_000;

/** Values of any kind in one JSON text: as many members of an object, each of another name, are 160 MB of memory. */
export const maxJsonValues = 1_000_000;

/** Fields of a form. */
export const maxFormFields = 64;

/** JSON texts up to this many characters are parsed without counting first: they cannot hold enough to matter. */
export const uncountedJsonLength = 256 * 1024;

/** Warnings in one answer. */
export const maxWarnings = 100;

/** The deepest nesting of JSON values that are stored: a response's data, a task's metadata and its inputs. */
export const maxJsonDepth = 20;
