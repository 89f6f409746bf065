/**
 * A token bucket spends a rate smoothly: at most what `burstMs` bring at once, or one operation. What is larger than
 * that and cannot be split, a query, waits for a full bucket and leaves a debt that the time after it pays.
 */
export class Bucket {
  readonly #burstMs: number;
  #rate = 0;
  #level = 0;
  #atMs = 0;

  constructor(burstMs: number) {
    this.#burstMs = burstMs;
  }

  /** Operations that fit at once. */
  get burst(): number {
    return this.#rate === 0 ? 0 : Math.max(1, (this.#rate * this.#burstMs) / 1000);
  }

  get rate(): number {
    return this.#rate;
  }

  /** Fills with this rate from now on, operations a second; a bucket that was empty for want of a rate begins full. */
  setRate(rate: number, nowMs: number): void {
    this.#fill(nowMs);
    const isNew = this.#rate === 0;
    this.#rate = rate;
    this.#level = isNew ? this.burst + Math.min(0, this.#level) : Math.min(this.#level, this.burst);
  }

  /** Takes `count` and returns 0, or returns the milliseconds until they can be taken; Infinity without a rate. */
  take(count: number, nowMs: number): number {
    this.#fill(nowMs);
    const missing = Math.min(count, this.burst) - this.#level;
    if (this.#rate === 0) return Number.POSITIVE_INFINITY;
    if (missing > 1e-9) return Math.ceil((missing / this.#rate) * 1000);
    this.#level -= count;
    return 0;
  }

  /** Puts back what was taken and not used. */
  refund(count: number): void {
    this.#level = Math.min(this.burst, this.#level + count);
  }

  #fill(nowMs: number): void {
    const passedMs = Math.max(0, nowMs - this.#atMs);
    this.#level = Math.min(this.burst, this.#level + (this.#rate * passedMs) / 1000);
    this.#atMs = Math.max(this.#atMs, nowMs);
  }
}
