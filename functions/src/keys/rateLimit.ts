import { maxRateBuckets } from '../http/limits.ts';
import type { Caller, Role } from '../http/route.ts';
import type { Clock } from '../platform/clock.ts';

interface Bucket {
  tokens: number;
  atMs: number;
}

/** A token bucket per key, in this instance's memory: as many at once as two seconds bring. */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #perSecond: Readonly<Record<Role, number>>;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock, perSecond: Readonly<Record<Role, number>>) {
    this.#clock = clock;
    this.#perSecond = perSecond;
  }

  /** Takes a token of this caller. Returns 0, or for how many seconds there will be none. */
  take(caller: Caller): number {
    const perSecond = this.#perSecond[caller.role];
    const bucket = this.#bucketOf(caller.keyId, perSecond * 2);
    const now = this.#clock.now();
    const elapsedMs = Math.max(0, now - bucket.atMs);
    bucket.tokens = Math.min(perSecond * 2, bucket.tokens + (elapsedMs * perSecond) / 1000);
    bucket.atMs = now;
    if (bucket.tokens < 1) return (1 - bucket.tokens) / perSecond;
    bucket.tokens -= 1;
    return 0;
  }

  #bucketOf(keyId: string, burst: number): Bucket {
    let bucket = this.#buckets.get(keyId);
    if (bucket === undefined) {
      const first = this.#buckets.keys().next();
      if (this.#buckets.size >= maxRateBuckets && !first.done) this.#buckets.delete(first.value);
      bucket = { tokens: burst, atMs: this.#clock.now() };
      this.#buckets.set(keyId, bucket);
    }
    return bucket;
  }
}
