import type { LocalClock } from '../shared/clock.ts';

/** Billed in units of 100 ms: https://cloud.google.com/run/pricing */
const billedUnitMs = 100;

/** The time during which an instance starts or has a request open, each stretch rounded up as it is billed. */
export class ActiveTime {
  readonly #clock: LocalClock;
  #billedMs = 0;
  #open = 0;
  #sinceMs = 0;

  constructor(clock: LocalClock) {
    this.#clock = clock;
  }

  begin(): void {
    if (this.#open === 0) this.#sinceMs = this.#clock.now();
    this.#open += 1;
  }

  end(): void {
    this.#open -= 1;
    if (this.#open === 0) this.#billedMs += this.#stretchMs();
  }

  /** Milliseconds so far, with a stretch that is still open. */
  billedMs(): number {
    return this.#billedMs + (this.#open > 0 ? this.#stretchMs() : 0);
  }

  /** Forgets what was billed; an open stretch counts from now. */
  reset(): void {
    this.#billedMs = 0;
    this.#sinceMs = this.#clock.now();
  }

  #stretchMs(): number {
    return Math.ceil((this.#clock.now() - this.#sinceMs) / billedUnitMs) * billedUnitMs;
  }
}
