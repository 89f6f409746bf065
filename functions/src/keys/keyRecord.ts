import { hash, timingSafeEqual } from 'node:crypto';
import { type Role, roles } from '../http/roles.ts';
import { maxBound, maxHotkeyLength, maxMinerUid } from './limits.ts';

/** A key as it is kept: never the key itself, only its SHA-256 in hex. */
export interface KeyRecord {
  id: string;
  role: Role;
  sha256: string;
  uids?: number[];
  hotkeys?: string[];
  label?: string;
  /** ISO 8601. */
  created_at?: string;
}

/** A record of a role that this version does not know: it is kept as it is, and its key can do nothing here. */
interface UnknownKey {
  id: string;
  role: string;
  sha256: string;
  [more: string]: unknown;
}

export type AnyKey = KeyRecord | UnknownKey;

/** True for a record of a role that this version knows. */
export function isKnown(record: AnyKey): record is KeyRecord {
  return (roles as readonly string[]).includes(record.role);
}

/**
 * Reads a list of keys; unknown members are left out, unless `all` must be known. Those of a role that is not known
 * stay as they are.
 * @throws Error that says which entry is wrong and how, without repeating it.
 */
export function readKeyRecords(value: unknown, known?: 'all'): AnyKey[] {
  if (!Array.isArray(value)) throw new Error('the keys are not a JSON array');
  const records = value.map((entry, index) => readKeyRecord(entry, index, known));
  if (new Set(records.map(({ id }) => id)).size < records.length)
    throw new Error('two keys have the same id');
  return records;
}

function readKeyRecord(value: unknown, index: number, known?: 'all'): AnyKey {
  const wrong = (what: string): Error => new Error(`key ${index}: ${what}`);
  if (typeof value !== 'object' || value === null) throw wrong('not an object');
  const { id, role, sha256, uids, hotkeys, label, created_at, ...more } = value as Record<string, unknown>;
  if (typeof id !== 'string' || id === '') throw wrong('id is not a text');
  if (typeof role !== 'string' || role === '') throw wrong('role is not a text');
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/i.test(sha256))
    throw wrong('sha256 is not 64 hex digits');
  const key: AnyKey = { ...value, id, role, sha256 };
  if (!isKnown(key)) return key;
  if (known === 'all' && Object.keys(more).length > 0) throw wrong('has members of another version');
  if (uids !== undefined && !isUids(uids))
    throw wrong(`uids is not a list of integers from 0 to ${maxMinerUid}`);
  if (hotkeys !== undefined && !isHotkeys(hotkeys)) throw wrong('hotkeys is not a list of texts');
  return {
    id,
    role: key.role,
    sha256: sha256.toLowerCase(),
    ...(uids === undefined ? {} : { uids }),
    ...(hotkeys === undefined ? {} : { hotkeys }),
    ...(typeof label === 'string' ? { label } : {}),
    ...(typeof created_at === 'string' ? { created_at } : {}),
  };
}

function isUids(value: unknown): value is number[] {
  return isBound(value, (uid) => Number.isInteger(uid) && Number(uid) >= 0 && Number(uid) <= maxMinerUid);
}

function isHotkeys(value: unknown): value is string[] {
  return isBound(
    value,
    (hotkey) => typeof hotkey === 'string' && hotkey !== '' && hotkey.length <= maxHotkeyLength,
  );
}

/** At least one of what a key may be bound to. */
function isBound(value: unknown, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length > 0 && value.length <= maxBound && value.every(isItem);
}

/** SHA-256 of a key. By way of hex, which takes a third of the time that a hash into bytes does. */
export function keyDigest(key: string): Buffer {
  return Buffer.from(hash('sha256', key, 'hex'), 'hex');
}

/** A key ring finds keys by digest. */
export class KeyRing {
  readonly records: readonly AnyKey[];
  readonly #byPrefix = new Map<number, { digest: Buffer; record: AnyKey }[]>();

  constructor(records: readonly AnyKey[]) {
    this.records = records;
    for (const record of records) {
      const digest = Buffer.from(record.sha256, 'hex');
      const prefix = digest.readUInt32BE();
      this.#byPrefix.set(prefix, [...(this.#byPrefix.get(prefix) ?? []), { digest, record }]);
    }
  }

  /**
   * The first four bytes choose the candidates, which tells a caller nothing of use; the whole is
   * compared in constant time.
   */
  find(digest: Buffer): AnyKey | undefined {
    const candidates = this.#byPrefix.get(digest.readUInt32BE()) ?? [];
    return candidates.find((candidate) => timingSafeEqual(candidate.digest, digest))?.record;
  }
}
