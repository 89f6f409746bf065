import { callApi } from './api.ts';
import type { Cloud } from './cloud.ts';

interface Lease {
  lease_id: string;
  granted: { reads: number };
  per_second: { reads: number };
  starts_at: string;
  expires_at: string;
}

interface Held {
  id: string;
  left: number;
  spent: number;
  perSecond: number;
  /** By this machine's clock that only goes forward. */
  freeAtMs: number;
  endMs: number;
}

/** Reads that one lease is asked for, and the seconds that it holds. */
const leaseReads = 3_000;
const leaseSeconds = 10;

/**
 * Firestore reads within the installation's quota: each is spent from a lease that `POST /v1/quota/leases` granted, at
 * the rate that it allows.
 */
export class Reads {
  readonly #cloud: Pick<Cloud, 'base' | 'key'>;
  #held: Held | undefined;
  #spent = 0;

  constructor(cloud: Pick<Cloud, 'base' | 'key'>) {
    this.#cloud = cloud;
  }

  get spent(): number {
    return this.#spent;
  }

  /**
   * Waits until up to `most` documents may be read, and tells how many.
   * @throws ApiError where no quota is free soon
   */
  async take(most: number): Promise<number> {
    const held = this.#usable() ?? (await this.#lease());
    // A query needs more than the rate of a second only where that is below one.
    const count = Math.max(1, Math.min(most, held.left, Math.floor(held.perSecond)));
    await delay(held.freeAtMs - performance.now());
    held.freeAtMs = Math.max(held.freeAtMs, performance.now()) + (count / held.perSecond) * 1000;
    held.left -= count;
    held.spent += count;
    this.#spent += count;
    return count;
  }

  /** Gives back what {@link take} allowed and was not billed. */
  return(count: number): void {
    this.#spent -= count;
    if (this.#held === undefined) return;
    this.#held.spent -= count;
    this.#held.left += count;
  }

  /** Returns what is left of the lease. */
  async close(): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined) return;
    const spent = { reads: held.spent };
    // What is not returned counts as spent.
    await callApi(this.#cloud, 'DELETE', `/v1/quota/leases/${held.id}`, { spent }).catch(() => undefined);
  }

  #usable(): Held | undefined {
    const held = this.#held;
    return held !== undefined && held.left > 0 && held.freeAtMs < held.endMs ? held : undefined;
  }

  async #lease(): Promise<Held> {
    const before = this.#held;
    this.#held = undefined;
    const askedMs = performance.now();
    const ask = (renew: object): Promise<Lease> =>
      callApi(this.#cloud, 'POST', '/v1/quota/leases', { reads: leaseReads, ttl_s: leaseSeconds, ...renew });
    const renew = before && { renew: { lease_id: before.id, spent: { reads: before.spent } } };
    // One that ended meanwhile counts as spent, and cannot be returned any more.
    const lease = await ask(renew ?? {}).catch((error: unknown) => {
      if (renew === undefined || ![404, 409].includes((error as { status?: number }).status ?? 0))
        throw error;
      return ask({});
    });
    const termMs = Date.parse(lease.expires_at) - Date.parse(lease.starts_at);
    this.#held = {
      id: lease.lease_id,
      left: lease.granted.reads,
      spent: 0,
      perSecond: lease.per_second.reads,
      freeAtMs: askedMs,
      // From when it was asked for, so that it ends here before it does there.
      endMs: askedMs + termMs,
    };
    return this.#held;
  }
}

async function delay(ms: number): Promise<void> {
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
}
