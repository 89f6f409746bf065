import { largest } from '../platform/arrays.ts';
import { type Clock, nextTickMs } from '../platform/clock.ts';
import type { DocumentError } from '../platform/documents.ts';
import { type CommitResult, hasWritten } from './commitResult.ts';
import {
  backlogBytesPerSecond,
  firstTryPauseMs,
  maxExhaustedParkMs,
  maxParkMs,
  maxUnreadWaitMs,
  minUnreadWaitMs,
} from './limits.ts';

/**
 * Decides when events that cannot be written now are tried again, by what this process has seen of Firestore and of its
 * memory. All times are milliseconds since the epoch.
 */
export class Backoff {
  readonly #clock: Clock;
  readonly #tickMs: number;
  #failuresInRow = 0;
  #parkedUntilMs = 0;
  #shortUntilMs = 0;
  #roomAtMs = 0;

  constructor({ clock, tickMs }: { clock: Clock; tickMs: number }) {
    this.#clock = clock;
    this.#tickMs = tickMs;
  }

  /** The time until which Firestore is left alone, after it failed; carriers that come before then go back unopened. */
  get parkedUntilMs(): number {
    return this.#parkedUntilMs;
  }

  get isParked(): boolean {
    return this.#parkedUntilMs > this.#clock.now();
  }

  /** The time until which events wait for reads or deletes: all of them together, so that few carriers hold them. */
  get shortUntilMs(): number {
    return this.#shortUntilMs;
  }

  /** Learns from the results of a flush: after Firestore failed, to wait longer each time, until the first success. */
  learn(results: readonly CommitResult[]): void {
    const errors = results.flatMap((result) => (result.outcome === 'failed' ? [result.error] : []));
    this.#learnShortage(errors.filter(isForSome));
    if (hasWritten(results)) {
      this.#failuresInRow = 0;
      this.#parkedUntilMs = 0;
    } else this.#learnFailure(errors.filter((error) => !isForSome(error)));
  }

  #learnFailure(errors: readonly DocumentError[]): void {
    const nowMs = this.#clock.now();
    const retryMs = largest(errors.map(({ retryAtMs }) => retryAtMs ?? Number.NEGATIVE_INFINITY));
    if (retryMs > nowMs) this.#parkedUntilMs = retryMs;
    const isExhausted = errors.some(({ failure }) => failure === 'exhausted');
    const isDown = errors.some(({ failure, retryAtMs }) => failure !== 'conflict' && retryAtMs === undefined);
    // A flush that asked nothing of Firestore says nothing about it.
    if (!isExhausted && !isDown) return;
    this.#failuresInRow += 1;
    const mostMs = isDown ? maxParkMs : maxExhaustedParkMs;
    const pauseMs = Math.min(mostMs, this.#tickMs * 2 ** (this.#failuresInRow - 1));
    this.#parkedUntilMs = Math.max(retryMs, nowMs + pauseMs);
  }

  #learnShortage(errors: readonly DocumentError[]): void {
    if (errors.length === 0) return;
    const nowMs = this.#clock.now();
    const untilMs = Math.max(nowMs, largest(errors.map(({ retryAtMs }) => retryAtMs ?? nowMs)));
    this.#shortUntilMs = this.#shortUntilMs > nowMs ? Math.min(this.#shortUntilMs, untilMs) : untilMs;
  }

  /** The time at which a carrier comes again for which there is no room: when others before it had their time. */
  roomAtMs(bytes: number): number {
    const fromMs = Math.max(this.#roomAtMs, this.#clock.now());
    this.#roomAtMs = fromMs + (bytes / backlogBytesPerSecond) * 1000;
    return this.#roomAtMs;
  }

  /** The time at which events come again that our own code broke on so often: half an hour over all tries. */
  nextTryMs(tries: number): number {
    return nextTickMs(this.#clock.now() + firstTryPauseMs * 2 ** (tries - 1), this.#tickMs);
  }

  /** The time at which a form of another version is looked at again: after as long again as it has waited. */
  nextLookMs(sinceMs: number): number {
    const nowMs = this.#clock.now();
    const waitMs = Math.min(maxUnreadWaitMs, Math.max(minUnreadWaitMs, nowMs - sinceMs));
    return nextTickMs(nowMs + waitMs, this.#tickMs);
  }

  /** The tick at which carriers of this flush come again, not before this time. */
  tickMs(notBeforeMs = 0): number {
    return nextTickMs(Math.max(this.#clock.now(), notBeforeMs), this.#tickMs);
  }
}

/** True where only what needs the same must wait: reads and deletes are not needed by all, writes are. */
export function isForSome({ short }: DocumentError): boolean {
  return short === 'reads' || short === 'deletes';
}
