import { messageOf, UnknownVersion } from '../platform/errors.ts';
import type { ObjectStore } from '../platform/objects.ts';
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
  const found: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
  const { version, day, keys, ...more } = found as Record<string, unknown>;
  const isKnown = version === tallyVersion && Object.keys(more).length === 0;
  if (!isKnown || typeof day !== 'number') {
    throw new UnknownVersion(`${orphansObject} of version ${String(version)} cannot be read.`);
  }
  return { day, keys: new Map(Object.entries(keys as Record<string, number>)) };
}

export interface OrphanKeysOptions extends Using<'clock' | 'logger'> {
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
  #tally: OrphanTally | undefined;
  #readAtMs: number;
  #isReading = false;

  constructor(options: OrphanKeysOptions) {
    this.#options = options;
    // A process that has just begun need not load Cloud Storage's client for this.
    this.#readAtMs = options.clock.now();
  }

  /** Until when answers of this key are refused, milliseconds since the epoch; undefined where they are not. */
  refusedUntilMs(keyId: string): number | undefined {
    const { clock, maxPerKey } = this.#options;
    if (maxPerKey === 0) return undefined;
    if (!this.#isReading && clock.now() - this.#readAtMs >= rereadMs) void this.#read();
    const today = dayOf(clock.now());
    const count = this.#tally?.day === today ? (this.#tally.keys.get(keyId) ?? 0) : 0;
    return count >= maxPerKey ? (today + 1) * dayMs : undefined;
  }

  async #read(): Promise<void> {
    const { objects, clock, logger } = this.#options;
    this.#isReading = true;
    this.#readAtMs = clock.now();
    try {
      const object = await objects.get(orphansObject);
      this.#tally = object && decodeTally(object.bytes);
    } catch (error) {
      logger.warn('It is not known which keys answer what nobody asked', { reason: messageOf(error) });
    } finally {
      this.#isReading = false;
    }
  }
}
