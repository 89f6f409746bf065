/** A day of the quota: from one reset to the next. */
export interface QuotaDay {
  /** Its date, as YYYY-MM-DD: later days sort after earlier ones. */
  id: string;
  startMs: number;
  endMs: number;
}

const dayMs = 86_400_000;

/**
 * Days that begin at midnight of a time zone, as Firestore's free quota does in Pacific time
 * (https://cloud.google.com/firestore/quotas#free-quota).
 */
export class QuotaDays {
  readonly #format: Intl.DateTimeFormat;
  #latest: QuotaDay | undefined;

  /** Throws RangeError for a time zone that does not exist. */
  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat('en-CA', {
      timeZone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
    });
  }

  /** The day that a moment lies in. */
  dayOf(nowMs: number): QuotaDay {
    const latest = this.#latest;
    if (latest !== undefined && nowMs >= latest.startMs && nowMs < latest.endMs) return latest;
    const id = this.#format.format(nowMs);
    const startMs = firstTrue(nowMs - 2 * dayMs, nowMs, (ms) => this.#format.format(ms) >= id);
    const endMs = firstTrue(nowMs, nowMs + 2 * dayMs, (ms) => this.#format.format(ms) > id);
    this.#latest = { id, startMs, endMs };
    return this.#latest;
  }

  /** The moment at which the month of a day begins: with its first day. */
  monthStartMs({ id, startMs }: QuotaDay): number {
    const firstId = `${id.slice(0, -2)}01`;
    return firstTrue(startMs - 32 * dayMs, startMs, (ms) => this.#format.format(ms) >= firstId);
  }
}

/** The first whole millisecond in (from, to] at which a condition that never turns back holds; it holds at `to`. */
function firstTrue(fromMs: number, toMs: number, holds: (ms: number) => boolean): number {
  let low = fromMs;
  let high = toMs;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) high = middle;
    else low = middle;
  }
  return high;
}
