import { Bucket } from '../platform/bucket.ts';
import type { Clock } from '../platform/clock.ts';
import { maxUnreportedMs, quietMs, reportBurstMs, reportsPerSecond } from './limits.ts';

interface ReportTimerOptions {
  clock: Clock;
  /** True where there is something to report. */
  isUnreported(): boolean;
  /** Reports it; `isQuiet` where nothing is done any more. Never rejects. */
  report(isQuiet: boolean): void;
}

/**
 * Decides when work is reported that no lease takes along soon: when a burst of it is over, and now and then while it
 * goes on. Its timer runs only while the platform gives the process CPU, that is while a request is open; otherwise the
 * next lease takes it along, or the process reports it as it ends.
 */
export class ReportTimer {
  readonly #options: ReportTimerOptions;
  readonly #bucket = new Bucket(reportBurstMs);
  #sinceMs: number | undefined;
  #latestMs = 0;
  #timer: unknown;

  constructor(options: ReportTimerOptions) {
    this.#options = options;
    this.#bucket.setRate(reportsPerSecond, options.clock.now());
  }

  /** To be called at each work that is done. */
  worked(): void {
    const nowMs = this.#options.clock.now();
    this.#sinceMs ??= nowMs;
    this.#latestMs = nowMs;
    this.#wait(Math.min(quietMs, this.#sinceMs + maxUnreportedMs - nowMs));
  }

  /** Reports no more. */
  end(): void {
    this.#options.clock.clearTimeout(this.#timer);
  }

  #wait(ms: number): void {
    const { clock } = this.#options;
    clock.clearTimeout(this.#timer);
    this.#timer = clock.setTimeout(() => this.#due(), Math.max(0, ms));
  }

  #due(): void {
    const { clock, isUnreported, report } = this.#options;
    const waitMs = isUnreported() ? this.#bucket.take(1, clock.now()) : 0;
    if (waitMs > 0) {
      this.#wait(waitMs);
      return;
    }
    this.#sinceMs = undefined;
    if (isUnreported()) report(clock.now() - this.#latestMs >= quietMs);
  }
}
