const slots = 60;

/** Counts what happened in the last minute, by whole seconds. */
export class MinuteCounter {
  readonly #counts = new Array<number>(slots).fill(0);
  #second = 0;

  add(nowMs: number): void {
    this.#advance(nowMs);
    const slot = this.#second % slots;
    this.#counts[slot] = (this.#counts[slot] ?? 0) + 1;
  }

  count(nowMs: number): number {
    this.#advance(nowMs);
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  #advance(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    if (second - this.#second >= slots) this.#counts.fill(0);
    else for (let past = this.#second + 1; past <= second; past++) this.#counts[past % slots] = 0;
    this.#second = Math.max(this.#second, second);
  }
}
