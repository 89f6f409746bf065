import type { Role } from '../http/roles.ts';

/**
 * Requests a second of one key at one instance, by its role. Miners of a subnet often share a key, so its rate allows
 * for 256 of them polling and answering. Keys of ingest, proxy and admin are the operator's own: their rate only stops
 * a caller that loops.
 */
export const requestsPerSecond: Readonly<Record<Role, number>> = {
  miner: 500,
  validator: 200,
  read: 500,
  ingest: 20_000,
  proxy: 20_000,
  admin: 20_000,
};

/** A key may send at once as many requests as its rate allows in this time. */
export const requestBurstMs = 2_000;

/** The largest number of a miner in its subnet. */
export const maxMinerUid = 65_535;

/** Hotkeys, and how many uids or hotkeys, a key may be bound to. */
export const maxHotkeyLength = 128;
export const maxBound = 4_096;

/** Keys whose rate one instance remembers; the one seen first is forgotten past it. */
export const maxRateBuckets = 10_000;

/** Longest key looked at; a longer one is not known. */
export const maxKeyLength = 512;

/** Keys in the bucket, and what they take together: every instance reads them whole, each minute that they change. */
export const maxStoredKeys = 10_000;
export const maxStoredKeysLength = 4 * 1024 * 1024;

/** Revocation works within this: the age of the keys that are believed, and that of answers that are given again. */
export const keysMaxAgeMs = 60_000;

/** An unknown key may ask for the stored keys again after this. */
export const unknownKeyRereadMs = 10_000;
