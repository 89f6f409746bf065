import { ManualClock } from '../support/clock.ts';
import { until } from './until.ts';

/** A clock that tells when a client sleeps, and for how long: that is the last timer it set. */
export class SleepClock extends ManualClock {
  #lastMs = 0;

  override setTimeout(task: () => void, delayMs: number) {
    this.#lastMs = delayMs;
    return super.setTimeout(task, delayMs);
  }

  /** Resolves once the client sleeps for so long. */
  async asleep(ms: number): Promise<void> {
    await until(() => this.#lastMs === ms);
    this.#lastMs = 0;
  }
}
