import type { Role } from './route.ts';

/** What one instance takes from callers before it answers 413, 429 or 503. */
export interface HttpLimits {
  /** Of one request's body, MAX_BODY_BYTES. */
  maxBodyBytes: number;
  /** Of the bodies being handled at the same time; past it callers get 503. */
  maxHeldBytes: number;
  /** Requests a second of one key at one instance, by its role; twice as many may come at once. */
  requestsPerSecond: Readonly<Record<Role, number>>;
}

/**
 * Miners of a subnet often share a key, so its rate allows for 256 of them polling and answering. Ingest and admin keys are
 * the operator's own: their rate only stops a caller that loops.
 */
export const defaultHttpLimits: HttpLimits = {
  maxBodyBytes: 8 * 1024 * 1024,
  maxHeldBytes: 64 * 1024 * 1024,
  requestsPerSecond: { miner: 500, validator: 200, read: 500, ingest: 20_000, admin: 20_000 },
};

/** Keys whose rate one instance remembers; the one seen first is forgotten past it. */
export const maxRateBuckets = 10_000;

/** Longest key looked at; a longer one is not known. */
export const maxKeyLength = 512;

/** Keys in the bucket, and what they take together: every instance reads them whole, each minute that they change. */
export const maxStoredKeys = 10_000;
export const maxStoredKeysLength = 4 * 1024 * 1024;

/** A stored key list older than this is read again before it is believed: revocation works within it. */
export const keysMaxAgeMs = 60_000;

/** An unknown key may ask for the stored keys again after this. */
export const unknownKeyRereadMs = 10_000;

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

/** Of JSON values that are stored: a response's data, a task's metadata and its inputs. */
export const maxJsonDepth = 20;
