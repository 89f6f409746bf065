import * as z from 'zod/mini';
import { expecting, read } from '../http/schema.ts';
import { messageOf, UnknownVersion } from '../platform/errors.ts';
import type { ObjectStore } from '../platform/objects.ts';
import { cachedFor, once } from '../platform/once.ts';
import type { Using } from '../platform/services.ts';

/** The object by which the flush tells the functions that accept answers which keys answer what nobody asked. */
export const orphansObject = 'control/orphans.json';

const dayMs = 86_400_000;

/** The most that a reading may be old: within a minute a key is refused, as one that is revoked. */
const rereadMs = 30_000;

/** Tasks of a day that a key answered and nobody created, counted by key. */
export interface OrphanTally {
  /** Days since the epoch, in UTC. */
  day: number;
  keys: Map<string, number>;
}

const tallyVersion = 1;

const stored = once(() =>
  z.strictObject({
    version: z.literal(tallyVersion, expecting(String(tallyVersion))),
    day: z.int(expecting('a day')),
    keys: z.record(z.string(), z.int(expecting('a count'))),
  }),
);

/** The day of a moment. */
export function dayOf(ms: number): number {
  return Math.floor(ms / dayMs);
}

/** The tally as its object. */
export function encodeTally({ day, keys }: OrphanTally): Buffer {
  return Buffer.from(JSON.stringify({ version: tallyVersion, day, keys: Object.fromEntries(keys) }));
}

/** Reads {@link encodeTally}'s bytes. Throws UnknownVersion for anything else. */
export function decodeTally(bytes: Uint8Array): OrphanTally {
  try {
    const { day, keys } = read(stored(), JSON.parse(Buffer.from(bytes).toString('utf8')), orphansObject);
    return { day, keys: new Map(Object.entries(keys)) };
  } catch (error) {
    throw new UnknownVersion(`${orphansObject} cannot be read: ${messageOf(error)}`);
  }
}

interface OrphanKeysOptions extends Using<'clock' | 'logger'> {
  objects: Pick<ObjectStore, 'get'>;
  /** ORPHANS_PER_KEY_PER_DAY; 0: no limit. */
  maxPerKey: number;
}

/**
 * Knows which keys answered too much that nobody asked. Nobody waits for the bucket: what was read last holds, and
 * while nothing was, no key is refused.
 */
export class OrphanKeys {
  readonly #options: OrphanKeysOptions;
  readonly #startedAtMs: number;
  #tally: OrphanTally | undefined;
  readonly #reread: () => Promise<void>;

  constructor(options: OrphanKeysOptions) {
    this.#options = options;
    this.#startedAtMs = options.clock.now();
    this.#reread = cachedFor(options.clock, rereadMs, () => this.#read());
  }

  /** Until when answers of this key are refused, milliseconds since the epoch; undefined where they are not. */
  refusedUntilMs(keyId: string): number | undefined {
    const { clock, maxPerKey } = this.#options;
    if (maxPerKey === 0) return undefined;
    // A process that has just begun need not load Cloud Storage's client for this.
    if (clock.now() - this.#startedAtMs >= rereadMs) void this.#reread();
    const today = dayOf(clock.now());
    const count = this.#tally?.day === today ? (this.#tally.keys.get(keyId) ?? 0) : 0;
    return count >= maxPerKey ? (today + 1) * dayMs : undefined;
  }

  async #read(): Promise<void> {
    const { objects, logger } = this.#options;
    try {
      const object = await objects.get(orphansObject);
      this.#tally = object && decodeTally(object.bytes);
    } catch (error) {
      logger.warn('It is not known which keys answer what nobody asked', { reason: messageOf(error) });
    }
  }
}
