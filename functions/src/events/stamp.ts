import type { Clock } from '../platform/clock.ts';

/**
 * The moment at which an event was accepted: 9 characters of milliseconds, 8 of instance, 4 of sequence, all base 36
 * and of fixed width, so that comparing the strings compares the times. A stamp is unique and is its event's identity.
 */
export type Stamp = string;

export const stampPattern = /^[0-9a-z]{21}$/;

/** Sorts before every stamp. */
export const earliestStamp: Stamp = '0'.repeat(21);

const maxSequence = 36 ** 4 - 1;

/** Milliseconds since the epoch at which the event was accepted. */
export function stampMs(stamp: Stamp): number {
  return Number.parseInt(stamp.slice(0, 9), 36);
}

/** The same stamp, as if accepted that many milliseconds before. */
export function earlierBy(ms: number, stamp: Stamp): Stamp {
  return encode(stampMs(stamp) - ms, 9) + stamp.slice(9);
}

/** The stamp of a deadline's event: the same for every delivery and redelivery of the same moment. */
export function deadlineStamp(deadlineMs: number): Stamp {
  return `${encode(deadlineMs, 9)}deadline0000`;
}

/** True for a text that a caller may have made as a stamp: none that only Sluice makes. */
export function isCallersStamp(text: string): boolean {
  return stampPattern.test(text) && !/^.{9}(deadline|0{8}|z{8})/.test(text);
}

const adoptedSuffix = '0'.repeat(12);

/** The stamp of a fact that another system wrote: sorts before every stamp accepted in its millisecond. */
export function adoptedStamp(ms: number): Stamp {
  return `${encode(ms, 9)}${adoptedSuffix}`;
}

/** True for an {@link adoptedStamp}. */
export function isAdoptedStamp(stamp: Stamp): boolean {
  return stamp.endsWith(adoptedSuffix);
}

/** Sorts after every stamp accepted up to this millisecond. */
export function stampCeiling(ms: number): Stamp {
  return `${encode(ms, 9)}${'z'.repeat(12)}`;
}

/** The earliest of some stamps, or undefined of none. */
export function earliestOf(stamps: Iterable<Stamp | undefined>): Stamp | undefined {
  let earliest: Stamp | undefined;
  for (const stamp of stamps) {
    if (stamp !== undefined && (earliest === undefined || stamp < earliest)) earliest = stamp;
  }
  return earliest;
}

/** The later of two stamps, where there are any. */
export function laterOf(a: Stamp | undefined, b: Stamp | undefined): Stamp | undefined {
  return a === undefined || (b !== undefined && b > a) ? b : a;
}

/** Gives out one instance's stamps. Its milliseconds never go back, even where the machine's clock does. */
export class StampSource {
  readonly #clock: Clock;
  readonly #instance: string;
  #ms = 0;
  #sequence = 0;

  /** `instance`: eight characters of [0-9a-z], unique among the instances alive. */
  constructor(clock: Clock, instance: string) {
    this.#clock = clock;
    this.#instance = instance;
  }

  next(): Stamp {
    const now = this.#clock.now();
    if (now > this.#ms) {
      this.#ms = now;
      this.#sequence = 0;
    } else if (this.#sequence === maxSequence) {
      this.#ms += 1;
      this.#sequence = 0;
    } else {
      this.#sequence += 1;
    }
    return `${encode(this.#ms, 9)}${this.#instance}${encode(this.#sequence, 4)}`;
  }
}

function encode(value: number, width: number): string {
  return Math.floor(value).toString(36).padStart(width, '0');
}
