import { pause } from './clock.ts';
import { ApiError, Unavailable } from './errors.ts';
import type { Transport } from './transport.ts';
import type { LeaseAnswer } from './types.ts';

const kinds = ['writes', 'reads', 'deletes'] as const;
type Counts = Record<(typeof kinds)[number], number>;
export type LeaseCounts = Partial<Counts>;

/** A lease is renewed so long before its end, or at half of it. */
const renewMs = 1000;
/** The wait after a refusal that names none. */
const refusedMs = 1000;

const countsOf = (map: (kind: keyof Counts) => number): Counts => ({
  writes: map('writes'),
  reads: map('reads'),
  deletes: map('deletes'),
});

/** The grant of one lease, and what is spent of it. Pure: times are the caller's. */
class Share {
  readonly id: string;
  readonly endMs: number;
  readonly spent: Counts = { writes: 0, reads: 0, deletes: 0 };
  readonly #answer: LeaseAnswer;
  readonly #lastsMs: number;
  readonly #freeAtMs: Counts;

  /** `nowMs` is when the lease was asked for, before it began: so it never seems to last longer than it does. */
  constructor(answer: LeaseAnswer, nowMs: number) {
    this.id = answer.lease_id;
    this.#answer = answer;
    this.#lastsMs = Date.parse(answer.expires_at) - Date.parse(answer.starts_at);
    this.endMs = nowMs + this.#lastsMs;
    this.#freeAtMs = countsOf(() => nowMs);
  }

  /** Counts operations; answers the time until they may be done, or undefined where the lease has no room. */
  spend(wanted: Counts, nowMs: number): number | undefined {
    const spending = kinds.filter((kind) => wanted[kind] > 0);
    const startMs = Math.max(nowMs, ...spending.map((kind) => this.#freeAtMs[kind]));
    const isOver = spending.some((kind) => this.spent[kind] + wanted[kind] > this.#answer.granted[kind]);
    if (startMs >= this.endMs || isOver) return undefined;
    for (const kind of spending) {
      this.spent[kind] += wanted[kind];
      const perSecond = this.#answer.per_second[kind];
      this.#freeAtMs[kind] = perSecond > 0 ? startMs + (wanted[kind] / perSecond) * 1000 : this.endMs;
    }
    return startMs - nowMs;
  }

  isEnding(nowMs: number): boolean {
    return nowMs >= this.endMs - Math.min(renewMs, this.#lastsMs / 2);
  }
}

/**
 * Leases quota where it is needed, renews it while it is spent, and gives back what is left. Nothing is leased before
 * the first `spend`, and nothing is renewed while nothing is spent.
 */
export class Lease implements AsyncDisposable {
  readonly #transport: Transport;
  readonly #amounts: Counts;
  readonly #ttlSeconds: number;
  #share: Share | undefined;
  /** The turn of the last caller: they spend one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(transport: Transport, amounts: LeaseCounts, ttlSeconds: number) {
    this.#amounts = countsOf((kind) => amounts[kind] ?? 0);
    if (kinds.every((kind) => !(this.#amounts[kind] > 0))) {
      throw new RangeError('Say how many writes, reads or deletes are wanted.');
    }
    this.#transport = transport;
    this.#ttlSeconds = ttlSeconds;
  }

  /**
   * Waits until so many operations may be done, and counts them.
   * @throws Unavailable after `timeoutMs`, RangeError for more than the lease is for.
   */
  async spend(counts: LeaseCounts, { timeoutMs = Number.POSITIVE_INFINITY } = {}): Promise<void> {
    const wanted = countsOf((kind) => counts[kind] ?? 0);
    for (const kind of kinds) {
      if (wanted[kind] >= 0 && wanted[kind] <= this.#amounts[kind]) continue;
      throw new RangeError(`${kind}: the lease is for ${this.#amounts[kind]}, not for ${wanted[kind]}.`);
    }
    const { clock } = this.#transport.world;
    const endMs = clock.now() + timeoutMs;
    for (;;) {
      const { waitMs, isGranted } = await this.#inTurn(() => this.#attempt(wanted));
      if (!isGranted && clock.now() + waitMs > endMs) {
        throw new Unavailable('No quota was free in time.', { retryAfterMs: waitMs });
      }
      if (waitMs > 0) await pause(clock, waitMs);
      if (isGranted) return;
    }
  }

  /** Gives back what is left; what cannot be given back ends by itself. */
  close(): Promise<void> {
    return this.#inTurn(async () => {
      const share = this.#share;
      this.#share = undefined;
      if (share === undefined) return;
      const path = `/v1/quota/leases/${encodeURIComponent(share.id)}`;
      await this.#transport.call('DELETE', path, { json: { spent: share.spent } }).catch(() => undefined);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async #attempt(wanted: Counts): Promise<{ waitMs: number; isGranted: boolean }> {
    const { clock } = this.#transport.world;
    const nowMs = clock.now();
    if (this.#share?.isEnding(nowMs) === false) {
      const waitMs = this.#share.spend(wanted, nowMs);
      if (waitMs !== undefined) return { waitMs, isGranted: true };
    }
    try {
      this.#share = await this.#renewed(nowMs);
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      return { waitMs: error.retryAfterMs ?? refusedMs, isGranted: false };
    }
    const waitMs = this.#share.spend(wanted, clock.now());
    // Less than wished may be granted: then the rest comes with the next lease.
    return waitMs === undefined ? { waitMs: refusedMs, isGranted: false } : { waitMs, isGranted: true };
  }

  /** A lease in the place of the one that is there. After a refusal or a lost answer that one stays. */
  async #renewed(nowMs: number): Promise<Share> {
    const json = { ...this.#amounts, ttl_s: this.#ttlSeconds };
    const ask = async (body: object): Promise<Share> =>
      new Share(await this.#transport.json('POST', '/v1/quota/leases', { json: body }), nowMs);
    const old = this.#share;
    if (old === undefined || nowMs >= old.endMs) return ask(json);
    try {
      return await ask({ ...json, renew: { lease_id: old.id, spent: old.spent } });
    } catch (error) {
      // It ended, or its day did: there is nothing to give back.
      if (error instanceof ApiError && [404, 409].includes(error.status)) return ask(json);
      throw error;
    }
  }
}
