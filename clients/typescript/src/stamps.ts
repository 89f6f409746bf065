/**
 * Stamps: when an event was accepted, by whom and as which of that millisecond; its identity and its place. A stamp has
 * 21 characters: 9 of milliseconds since the epoch in base 36, 8 of the opening that made it, 4 of a sequence.
 * Comparing two as texts compares their times.
 */
export const earliestStamp = '0'.repeat(21);

/** The most that a stamp may be ahead of the server's time: see docs/api.md, Events. */
export const aheadMs = 60_000;

const digits = '0123456789abcdefghijklmnopqrstuvwxyz';
const maxSequence = 36 ** 4 - 1;

/** A number in base 36, of a fixed width. */
export function encode(value: number, width: number): string {
  return Math.floor(value).toString(36).padStart(width, '0');
}

/** Milliseconds since the epoch of a stamp. */
export function stampMs(stamp: string): number {
  return Number.parseInt(stamp.slice(0, 9), 36);
}

/** Names one opening of an outbox: random, so that a copied file shares it with nobody. */
function newBootId(): string {
  // The first character is neither `0` nor `z` nor `d`: Sluice keeps some ids to itself.
  const first = 'abcefghijklmnopqrstuvwxy';
  const random = crypto.getRandomValues(new Uint32Array(8));
  return Array.from(random, (number, index) => {
    const from = index === 0 ? first : digits;
    return from.charAt(number % from.length);
  }).join('');
}

/** Makes stamps of one opening, each greater than all before in the same file, whoever made those. */
export class StampSource {
  readonly #bootId: string;

  constructor(bootId = newBootId()) {
    this.#bootId = bootId;
  }

  /** The stamp of now, or the next one after `last` where that is later. */
  after(last: string, nowMs: number): string {
    const lastMs = stampMs(last);
    if (Math.floor(nowMs) > lastMs) return this.#stamp(nowMs, 0);
    const sequence = Number.parseInt(last.slice(17), 36);
    // Another opening's stamps of the same millisecond may sort behind all of this one's.
    if (last.slice(9, 17) !== this.#bootId || sequence === maxSequence) return this.#stamp(lastMs + 1, 0);
    return this.#stamp(lastMs, sequence + 1);
  }

  #stamp(ms: number, sequence: number): string {
    return encode(ms, 9) + this.#bootId + encode(sequence, 4);
  }
}
