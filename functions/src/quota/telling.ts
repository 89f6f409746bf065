import { Bucket } from '../platform/bucket.ts';
import type { Clock } from '../platform/clock.ts';
import { maxUntoldMs, quietMs, tellBurstMs, tellPerSecond } from './limits.ts';

interface TellingOptions {
  clock: Clock;
  /** True where there is something to tell. */
  isUntold(): boolean;
  /** Tells it. Never rejects. */
  tell(): void;
}

/**
 * Decides when work is told of that no lease tells of soon: when a burst of it is over, and now and then while it goes
 * on. Its timer runs only while the platform gives the process CPU, that is while a request is open; otherwise the next
 * lease tells, or the process as it ends.
 */
export class Telling {
  readonly #options: TellingOptions;
  readonly #bucket = new Bucket(tellBurstMs);
  #sinceMs: number | undefined;
  #timer: unknown;

  constructor(options: TellingOptions) {
    this.#options = options;
    this.#bucket.setRate(tellPerSecond, options.clock.now());
  }

  /** Hears of work. */
  worked(): void {
    const nowMs = this.#options.clock.now();
    this.#sinceMs ??= nowMs;
    this.#wait(Math.min(quietMs, this.#sinceMs + maxUntoldMs - nowMs));
  }

  /** Tells no more. */
  end(): void {
    this.#options.clock.clearTimeout(this.#timer);
  }

  #wait(ms: number): void {
    const { clock } = this.#options;
    clock.clearTimeout(this.#timer);
    this.#timer = clock.setTimeout(() => this.#due(), Math.max(0, ms));
  }

  #due(): void {
    const { clock, isUntold, tell } = this.#options;
    const waitMs = isUntold() ? this.#bucket.take(1, clock.now()) : 0;
    if (waitMs > 0) {
      this.#wait(waitMs);
      return;
    }
    this.#sinceMs = undefined;
    if (isUntold()) tell();
  }
}
