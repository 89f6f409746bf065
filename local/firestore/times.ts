import type { LocalClock } from '../shared/clock.ts';
import type { Value } from './values.ts';

/** Microseconds since the epoch: the resolution of the service's times. */
export type Micros = number;

export interface ProtoTime {
  readonly seconds: number;
  readonly nanos: number;
}

export function toProtoTime(micros: Micros): ProtoTime {
  const seconds = Math.floor(micros / 1e6);
  return { seconds, nanos: (micros - seconds * 1e6) * 1000 };
}

export function fromProtoTime({ seconds, nanos }: ProtoTime): Micros {
  return seconds * 1e6 + Math.floor(nanos / 1000);
}

export function timestampValue(micros: Micros): Value {
  return { kind: 'timestamp', ...toProtoTime(micros) };
}

/** Commit times: the clock's, but never the same twice and never going back. */
export class CommitClock {
  readonly #clock: LocalClock;
  #last: Micros = 0;

  constructor(clock: LocalClock) {
    this.#clock = clock;
  }

  nowMs(): number {
    return this.#clock.now();
  }

  /** A new commit time. */
  next(): Micros {
    this.#last = Math.max(this.#now(), this.#last + 1);
    return this.#last;
  }

  /** A time at which everything committed so far is seen, and nothing that comes later. */
  readTime(): Micros {
    this.#last = Math.max(this.#now(), this.#last);
    return this.#last;
  }

  /** Goes on from a time that was given before, by the clock of an earlier run. */
  continueFrom(time: Micros): void {
    this.#last = Math.max(this.#last, time);
  }

  #now(): Micros {
    return Math.floor(this.#clock.now() * 1000);
  }
}
