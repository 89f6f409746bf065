/** The browser's clock, or a test's. */
export interface PageClock {
  now(): number;
  setTimeout(run: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

interface PollerOptions {
  clock: PageClock;
  /** False while nobody sees the page. */
  isVisible(): boolean;
  /** Asks once. It never rejects. */
  ask(): Promise<Outcome>;
}

export type Outcome = { ok: true } | { ok: false; retryAfterMs?: number | undefined };

/** The one period of the page. */
export const pollMs = 15_000;
/** A page that comes to sight asks at once, but no sooner after the last question. */
const minGapMs = 5_000;
const maxBackoffMs = 120_000;
const maxRetryAfterMs = 600_000;

/** Time until the next question: the period, after failures doubled each time, and never before Retry-After. */
export function delayMs(failures: number, retryAfterMs = 0): number {
  if (failures === 0) return pollMs;
  const backoffMs = Math.min(pollMs * 2 ** (failures - 1), maxBackoffMs);
  return Math.max(backoffMs, Math.min(retryAfterMs, maxRetryAfterMs));
}

/** Asks again and again while the page is seen: one question at a time, one timer in all, none for a hidden page. */
export class Poller {
  readonly #options: PollerOptions;
  #timer: unknown;
  #isAsking = false;
  #isStopped = true;
  #failures = 0;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  /** Nothing is asked before: the server said when to come again. */
  #notBeforeMs = Number.NEGATIVE_INFINITY;

  constructor(options: PollerOptions) {
    this.#options = options;
  }

  /** Asks at once, where the page is seen; a period later where something was just asked. */
  start(hasAsked = false): void {
    this.#isStopped = false;
    if (hasAsked) this.#askedAtMs = this.#options.clock.now();
    this.#askIn(hasAsked ? pollMs : 0);
  }

  stop(): void {
    this.#isStopped = true;
    this.#clear();
  }

  /** To be called when the page is hidden or comes to sight. */
  visibilityChanged(): void {
    this.#askIn(this.#askedAtMs + minGapMs - this.#options.clock.now());
  }

  /** Asks at once, as somebody wishes it; a question that is on its way counts. */
  askNow(): void {
    this.#askIn(0);
  }

  #askIn(ms: number): void {
    this.#clear();
    const { clock } = this.#options;
    if (this.#isStopped || this.#isAsking || !this.#options.isVisible()) return;
    const waitMs = Math.max(ms, this.#notBeforeMs - clock.now());
    if (waitMs <= 0) void this.#ask();
    else this.#timer = clock.setTimeout(() => this.#askIn(0), waitMs);
  }

  async #ask(): Promise<void> {
    const { clock } = this.#options;
    this.#isAsking = true;
    this.#askedAtMs = clock.now();
    const outcome = await this.#options.ask();
    this.#isAsking = false;
    this.#failures = outcome.ok ? 0 : this.#failures + 1;
    const retryAfterMs = outcome.ok ? undefined : outcome.retryAfterMs;
    const waitMs = delayMs(this.#failures, retryAfterMs);
    this.#notBeforeMs = retryAfterMs === undefined ? Number.NEGATIVE_INFINITY : clock.now() + waitMs;
    this.#askIn(waitMs);
  }

  #clear(): void {
    if (this.#timer !== undefined) this.#options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
