import type { Clock } from '../platform/clock.ts';

/**
 * Remembers that a service fails, so that callers need not each wait for its time-out: after `threshold` failures in
 * a row it is left alone for `openMs`, then one call tries it again.
 */
export class CircuitBreaker {
  readonly #clock: Clock;
  readonly #threshold: number;
  readonly #openMs: number;
  #failures = 0;
  #retryAtMs = 0;

  constructor(clock: Clock, threshold: number, openMs: number) {
    this.#clock = clock;
    this.#threshold = threshold;
    this.#openMs = openMs;
  }

  /** True where the service is to be tried now. */
  allows(): boolean {
    if (this.#failures < this.#threshold) return true;
    if (this.#clock.now() < this.#retryAtMs) return false;
    this.#retryAtMs = this.#clock.now() + this.#openMs;
    return true;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  failed(): void {
    this.#failures += 1;
    if (this.#failures >= this.#threshold) this.#retryAtMs = this.#clock.now() + this.#openMs;
  }
}
