import { within } from '../platform/clock.ts';
import { AppError, messageOf } from '../platform/errors.ts';
import type { ObjectStore, StoredObject } from '../platform/objects.ts';
import { once } from '../platform/once.ts';
import { oneAfterTheOther } from '../platform/pool.ts';
import type { Using } from '../platform/services.ts';
import { type AnyKey, isKnown, type KeyRecord, KeyRing, keyDigest, readKeyRecords } from './keyRecord.ts';
import { keysMaxAgeMs, maxStoredKeys, maxStoredKeysLength, unknownKeyRereadMs } from './limits.ts';

/** Requests wait this long for the bucket, then they go on with what is known: callers give up at 10 s. */
const maxRereadWaitMs = 2000;

/** The object that keeps keys made through the API. */
export const keysObject = 'control/keys.json';

/** The form of {@link keysObject}. A record with one more member needs the next: what is not known would be lost. */
const keysVersion = 1;

/** Other instances may write between our read and our write; each time one of them has got on. */
const maxWriteAttempts = 20;

export interface KeyStoreOptions extends Using<'clock' | 'logger'> {
  /** The value of the secret: `[{"id", "role", "sha256", "uids"?, "hotkeys"?}]`. Asked for once, when first needed. */
  firstKeys: () => string;
  objects: Pick<ObjectStore, 'get' | 'getIfChanged' | 'put'>;
  /** Age up to which the bucket's keys are believed; by default {@link keysMaxAgeMs}. */
  maxAgeMs?: number;
}

/** The keys as they should be, or undefined where they are so already. */
type Edit = (records: readonly AnyKey[]) => AnyKey[] | undefined;

/** The keys in the bucket as last read. */
interface Copy {
  ring: KeyRing;
  generation: string;
  readAtMs: number;
}

/**
 * The keys: first ones from a secret, which work without any read, and those in the bucket. The bucket's are read
 * again before use once they are `maxAgeMs` old, and for a key that is not known after 10 s; while they cannot be
 * read, the last copy stays valid.
 */
export class KeyStore {
  readonly #options: KeyStoreOptions;
  readonly #maxAgeMs: number;
  readonly #firstKeys = once(() => this.#readFirstKeys());
  #copy: Copy | undefined;
  #triedAtMs = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;
  readonly #inTurn = oneAfterTheOther();
  #writes = 0;
  /** The ids of keys of unknown roles that the log has. */
  readonly #told = new Set<string>();

  constructor(options: KeyStoreOptions) {
    this.#options = options;
    this.#maxAgeMs = options.maxAgeMs ?? keysMaxAgeMs;
  }

  /** The record of a key that is known without a read; others may be found by {@link find}. */
  known(key: string): AnyKey | undefined {
    const digest = keyDigest(key);
    const stored = this.#ageMs() < this.#maxAgeMs ? this.#copy?.ring.find(digest) : undefined;
    return this.#firstKeys().ring.find(digest) ?? stored;
  }

  /**
   * The record of a key, or undefined for one that certainly is none of ours.
   * @throws AppError `unavailable` where that cannot be told now.
   */
  async find(key: string): Promise<AnyKey | undefined> {
    const known = this.known(key);
    if (known !== undefined) return known;
    const digest = keyDigest(key);
    for (const maxAgeMs of [this.#maxAgeMs, unknownKeyRereadMs]) {
      if (this.#ageMs() >= maxAgeMs) await this.#reread();
      const record = this.#copy?.ring.find(digest);
      if (record !== undefined) return record;
    }
    if (this.#firstKeys().isBroken || this.#ageMs() >= unknownKeyRereadMs) {
      throw new AppError('unavailable', 'The keys cannot be read now, and this one is not known yet.');
    }
    return undefined;
  }

  /** All keys: the first ones, and those in the bucket, freshly read. */
  async list(): Promise<{ first: readonly AnyKey[]; stored: readonly AnyKey[] }> {
    await this.#read();
    return { first: this.#firstKeys().ring.records, stored: this.#copy?.ring.records ?? [] };
  }

  /** Adds a key; this instance knows it at once, others within 10 s. */
  async add(record: KeyRecord): Promise<void> {
    await this.#change((records) => {
      // A write whose answer was lost is refused when it is tried again.
      if (records.some(({ id }) => id === record.id)) return undefined;
      if (records.length >= maxStoredKeys) {
        throw new AppError('conflict', `There are ${maxStoredKeys} keys already; revoke some.`);
      }
      const all = [...records, record];
      if (JSON.stringify(all).length > maxStoredKeysLength) {
        throw new AppError('conflict', 'The keys name too many uids and hotkeys; revoke some.');
      }
      return all;
    });
  }

  /**
   * Takes a key away, at once here and within 60 s elsewhere. Returns whether there was one of this id in the bucket.
   */
  async remove(id: string): Promise<boolean> {
    if (this.#firstKeys().ring.records.some((record) => record.id === id)) {
      throw new AppError(
        'conflict',
        'This is one of the first keys; take it out of the secret and deploy again.',
      );
    }
    let wasThere = false;
    await this.#change((records) => {
      const rest = records.filter((record) => record.id !== id);
      if (rest.length === records.length) return undefined;
      wasThere = true;
      return rest;
    });
    return wasThere;
  }

  #readFirstKeys(): { ring: KeyRing; isBroken: boolean } {
    const { firstKeys, logger } = this.#options;
    try {
      return { ring: this.#toldOf(new KeyRing(readKeyRecords(parse(firstKeys())))), isBroken: false };
    } catch (error) {
      logger.error('the secret with the first API keys is malformed: none of them works', {
        reason: messageOf(error),
      });
      return { ring: new KeyRing([]), isBroken: true };
    }
  }

  /** The ring, after the log was told, once each, which of its keys are of roles that this version does not know. */
  #toldOf(ring: KeyRing): KeyRing {
    const unknown = ring.records.filter((record) => !isKnown(record) && !this.#told.has(record.id));
    for (const { id } of unknown) this.#told.add(id);
    if (unknown.length > 0) {
      const some = unknown.slice(0, 10).map(({ id, role }) => ({ id, role }));
      this.#options.logger.warn('API keys of a role of another version do nothing here', {
        keys: unknown.length,
        some,
      });
    }
    return ring;
  }

  #ageMs(): number {
    return this.#options.clock.now() - (this.#copy?.readAtMs ?? Number.NEGATIVE_INFINITY);
  }

  /** Reads the bucket's keys, unless that was tried within 10 s. Never throws: what cannot be read stays as it was. */
  async #reread(): Promise<void> {
    const { clock } = this.#options;
    const sinceTryMs = clock.now() - this.#triedAtMs;
    if (this.#reading === undefined && sinceTryMs < unknownKeyRereadMs) return;
    this.#reading ??= this.#tryRead();
    const waitMs = maxRereadWaitMs - (clock.now() - this.#triedAtMs);
    if (waitMs > 0) await within(clock, waitMs, this.#reading, tooLate).catch(() => undefined);
  }

  async #tryRead(): Promise<void> {
    const { clock, logger } = this.#options;
    this.#triedAtMs = clock.now();
    try {
      await within(clock, unknownKeyRereadMs, this.#read(), tooLate);
    } catch (error) {
      logger.warn('API keys not read from the bucket', { reason: messageOf(error) });
    } finally {
      this.#reading = undefined;
    }
  }

  async #read(): Promise<void> {
    const { objects, clock } = this.#options;
    const readAtMs = clock.now();
    const known = this.#copy;
    const writes = this.#writes;
    const isThere = known !== undefined && known.generation !== '0';
    const found = await (isThere
      ? objects.getIfChanged(keysObject, known.generation)
      : objects.get(keysObject));
    // A read that began before a write of ours, or before another read, may end after it.
    if (writes !== this.#writes || (this.#copy?.readAtMs ?? readAtMs) > readAtMs) return;
    if (found !== 'unchanged') {
      this.#copy = { ring: this.#toldOf(ringOf(found)), generation: found?.generation ?? '0', readAtMs };
    } else if (known !== undefined && known === this.#copy) {
      this.#copy = { ...known, readAtMs };
    }
  }

  /** One change at a time here, so that only other instances can come in between. */
  #change(edit: Edit): Promise<void> {
    return this.#inTurn(() => this.#write(edit));
  }

  async #write(edit: Edit): Promise<void> {
    const { objects, clock } = this.#options;
    for (let attempt = 0; attempt < maxWriteAttempts; attempt += 1) {
      const readAtMs = clock.now();
      const found = await objects.get(keysObject);
      const present = this.#toldOf(ringOf(found));
      const records = edit(present.records);
      const generation = found?.generation ?? '0';
      try {
        this.#copy =
          records === undefined
            ? { ring: present, generation, readAtMs }
            : { ring: new KeyRing(records), generation: await this.#put(records, generation), readAtMs };
        this.#writes += 1;
        return;
      } catch (error) {
        if (!(error instanceof AppError && error.code === 'conflict')) throw error;
      }
    }
    throw new AppError('unavailable', 'Too many changes to the keys at the same time.');
  }

  async #put(records: readonly AnyKey[], ifGeneration: string): Promise<string> {
    const bytes = Buffer.from(JSON.stringify({ version: keysVersion, keys: records }));
    const options = { contentType: 'application/json', ifGeneration };
    return (await this.#options.objects.put(keysObject, bytes, options)).generation;
  }
}

const tooLate = () => new Error('The bucket did not answer in time.');

/** @throws AppError `unavailable`: keys that cannot be understood are as good as not read. */
function ringOf(object: StoredObject | undefined): KeyRing {
  if (object === undefined) return new KeyRing([]);
  try {
    const { version, keys, ...more } = parse(object.bytes.toString()) as Record<string, unknown>;
    if (version !== keysVersion || Object.keys(more).length > 0) throw new Error('of another version');
    return new KeyRing(readKeyRecords(keys, 'all'));
  } catch (cause) {
    const why = new Error(`${keysObject} is malformed: ${messageOf(cause)}`);
    throw new AppError('unavailable', 'The stored keys cannot be read.', { cause: why });
  }
}

/** The engine's own message would repeat part of the text, here secret. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('not JSON');
  }
}
