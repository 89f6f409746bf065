/** Billed in units of 100 ms: https://cloud.google.com/run/pricing */
const billedUnitMs = 100;

/** The cause of an instance's start, which is billed. */
export const startCause = 'start';

/**
 * The billed time of one instance: while it starts or has a request open, each stretch rounded up. A stretch that
 * begins within what the one before was rounded up to goes on with it, so that nothing is billed beyond the time that
 * passed. Requests that are open together share their time evenly; the rounding is the last one's.
 */
export class ActiveTime {
  readonly #now: () => number;
  readonly #openByCause = new Map<string, number>();
  readonly #billedMsByCause = new Map<string, number>();
  #open = 0;
  /** Time before this is billed, or was idle. */
  #countedUntilMs = 0;
  /** The end of the billed units of the stretch. */
  #stretchEndMs = 0;
  #lastCause = startCause;
  /** Time that the clock does not show. */
  #extraMs = 0;

  /** `now` is the instance's time in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  begin(cause: string): void {
    const now = this.#time();
    if (this.#open > 0) this.#share(now);
    else if (now >= this.#stretchEndMs) {
      this.#stretchEndMs = now;
      this.#countedUntilMs = now;
    }
    this.#open += 1;
    this.#openByCause.set(cause, (this.#openByCause.get(cause) ?? 0) + 1);
  }

  end(cause: string): void {
    const now = this.#time();
    this.#share(now);
    this.#open -= 1;
    const left = (this.#openByCause.get(cause) ?? 0) - 1;
    if (left > 0) this.#openByCause.set(cause, left);
    else this.#openByCause.delete(cause);
    this.#lastCause = cause;
    if (this.#open === 0) this.#roundUp(now);
  }

  /** Adds time of work that the clock did not count, to what is open or was open last. */
  work(ms: number): void {
    if (this.#open > 0) this.#extraMs += ms;
    else {
      const cause = this.#lastCause;
      this.begin(cause);
      this.#extraMs += ms;
      this.end(cause);
    }
  }

  /** Milliseconds so far, with a stretch that is still open rounded up as if it ended now. */
  billedMs(): Map<string, number> {
    const billed = new Map(this.#billedMsByCause);
    if (this.#open === 0) return billed;
    const now = this.#time();
    const [cause = this.#lastCause] = this.#openByCause.keys();
    const openMs = Math.max(0, this.#unitsEnd(now) - this.#countedUntilMs);
    return billed.set(cause, (billed.get(cause) ?? 0) + openMs);
  }

  /** Forgets what was billed; an open stretch counts from now. */
  reset(): void {
    this.#billedMsByCause.clear();
    this.#countedUntilMs = this.#time();
    this.#stretchEndMs = this.#countedUntilMs;
  }

  #time(): number {
    return this.#now() + this.#extraMs;
  }

  #share(now: number): void {
    const passedMs = now - this.#countedUntilMs;
    if (passedMs <= 0) return;
    for (const [cause, count] of this.#openByCause) this.#bill(cause, (passedMs * count) / this.#open);
    this.#countedUntilMs = now;
  }

  #roundUp(now: number): void {
    this.#stretchEndMs = this.#unitsEnd(now);
    this.#bill(this.#lastCause, Math.max(0, this.#stretchEndMs - this.#countedUntilMs));
    this.#countedUntilMs = Math.max(this.#countedUntilMs, this.#stretchEndMs);
  }

  #unitsEnd(now: number): number {
    const units = Math.ceil(Math.max(0, now - this.#stretchEndMs) / billedUnitMs);
    return this.#stretchEndMs + units * billedUnitMs;
  }

  #bill(cause: string, ms: number): void {
    this.#billedMsByCause.set(cause, (this.#billedMsByCause.get(cause) ?? 0) + ms);
  }
}
