/** After a refusal (429, 503) the rate halves at most this often, and doubles again after as long without one. */
const slowDownStepMs = 1000;
const recoverStepMs = 10_000;
const slowestPerSecond = 1;

/** A queue's token bucket. Its burst is a fifth of a second's rate, as Cloud Tasks sets it (100 at 500/s). */
export class DispatchRate {
  #perSecond: number;
  #factor = 1;
  #changedMs = Number.NEGATIVE_INFINITY;
  #tokens: number;
  #refilledMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#refilledMs = nowMs;
    this.#tokens = this.burst();
  }

  setPerSecond(perSecond: number): void {
    this.#perSecond = perSecond;
  }

  /** Dispatches a second at this moment: the configured rate, or less after refusals. */
  perSecond(): number {
    return Math.max(this.#perSecond * this.#factor, Math.min(this.#perSecond, slowestPerSecond));
  }

  burst(): number {
    return Math.max(1, Math.ceil(this.perSecond() / 5));
  }

  /** Takes a token and returns 0, or takes none and returns the ms until there is one. */
  take(nowMs: number): number {
    this.#recover(nowMs);
    const perMs = this.perSecond() / 1000;
    this.#tokens = Math.min(this.burst(), this.#tokens + (nowMs - this.#refilledMs) * perMs);
    this.#refilledMs = nowMs;
    if (this.#tokens < 1) return Math.max(1, Math.ceil((1 - this.#tokens) / perMs));
    this.#tokens -= 1;
    return 0;
  }

  /** The target answered that it is overloaded: the whole queue goes slower for a while. */
  slowDown(nowMs: number): void {
    if (nowMs - this.#changedMs < slowDownStepMs) return;
    this.#factor = this.perSecond() / this.#perSecond / 2;
    this.#changedMs = nowMs;
  }

  #recover(nowMs: number): void {
    while (this.#factor < 1 && nowMs - this.#changedMs >= recoverStepMs) {
      this.#factor = Math.min(1, this.#factor * 2);
      this.#changedMs += recoverStepMs;
    }
  }
}
