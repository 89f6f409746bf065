import type { LocalClock, LocalTimer } from '../shared/clock.ts';
import type { Entry } from './entries.ts';
import { getField } from './fields.ts';
import type { IndexConfig } from './indexconfig.ts';

/** The service deletes within a day of the expiry, at no particular moment; here it is at the next full hour. */
const sweepMs = 3_600_000;

/** Finds the documents whose time is over, by TTL policies (firebase.google.com/docs/firestore/ttl). */
export class ExpiryWatch {
  readonly #config: IndexConfig;
  readonly #clock: LocalClock;
  readonly #expire: (entries: readonly Entry[]) => void;
  readonly #sweepOf = new Map<Entry, number>();
  readonly #due = new Map<number, Set<Entry>>();
  #timer: LocalTimer | undefined;
  #timerDueMs = Number.POSITIVE_INFINITY;

  /**
   * `expire` gets the entries of each sweep. They may have changed by the time it deletes them: see {@link isExpired}.
   */
  constructor(config: IndexConfig, clock: LocalClock, expire: (entries: readonly Entry[]) => void) {
    this.#config = config;
    this.#clock = clock;
    this.#expire = expire;
  }

  /** Takes note of an entry whose document changed; to be called for each. */
  changed(entry: Entry): void {
    const expiresMs = this.#expiresMs(entry);
    const before = this.#sweepOf.get(entry);
    if (expiresMs === undefined && before === undefined) return;
    const sweep =
      expiresMs === undefined ? undefined : Math.floor(Math.max(expiresMs, this.#clock.now()) / sweepMs) + 1;
    if (sweep === before) return;
    if (before !== undefined) this.#forget(entry, before);
    if (sweep !== undefined) this.#remember(entry, sweep);
    this.#arm();
  }

  isExpired(entry: Entry): boolean {
    const expiresMs = this.#expiresMs(entry);
    return expiresMs !== undefined && expiresMs <= this.#clock.now();
  }

  close(): void {
    this.#clock.clearTimeout(this.#timer);
  }

  /** The time at which a document expires; one whose field holds anything but a time stays. */
  #expiresMs({ current, collection }: Entry): number | undefined {
    const path = this.#config.ttlField(collection.id);
    if (path === undefined || current === undefined) return undefined;
    const value = getField(current.fields, path);
    return value?.kind === 'timestamp' ? value.seconds * 1000 + value.nanos / 1e6 : undefined;
  }

  #remember(entry: Entry, sweep: number): void {
    this.#sweepOf.set(entry, sweep);
    const together = this.#due.get(sweep);
    if (together === undefined) this.#due.set(sweep, new Set([entry]));
    else together.add(entry);
  }

  #forget(entry: Entry, sweep: number): void {
    this.#sweepOf.delete(entry);
    const together = this.#due.get(sweep);
    together?.delete(entry);
    if (together?.size === 0) this.#due.delete(sweep);
  }

  #arm(): void {
    const dueMs = Math.min(...this.#due.keys()) * sweepMs;
    if (dueMs === this.#timerDueMs) return;
    this.#clock.clearTimeout(this.#timer);
    this.#timerDueMs = dueMs;
    this.#timer =
      dueMs === Number.POSITIVE_INFINITY
        ? undefined
        : this.#clock.setTimeout(() => this.#sweep(), dueMs - this.#clock.now());
  }

  #sweep(): void {
    this.#timerDueMs = Number.POSITIVE_INFINITY;
    const now = this.#clock.now();
    for (const [sweep, entries] of [...this.#due]) {
      if (sweep * sweepMs > now) continue;
      this.#due.delete(sweep);
      for (const entry of entries) this.#sweepOf.delete(entry);
      this.#expire([...entries]);
    }
    this.#arm();
  }
}
