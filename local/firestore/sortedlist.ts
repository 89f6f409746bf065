const maxChunk = 512;

/** A sorted list in chunks: finding is logarithmic, and inserting or removing moves at most one chunk's items. */
export class SortedList<T> {
  readonly #compare: (a: T, b: T) => number;
  #chunks: T[][];

  /** `sorted` must be in the order of `compare`, in which no two items are equal. */
  constructor(compare: (a: T, b: T) => number, sorted: readonly T[]) {
    this.#compare = compare;
    this.#chunks = [];
    for (let i = 0; i < sorted.length; i += maxChunk / 2) {
      this.#chunks.push(sorted.slice(i, i + maxChunk / 2));
    }
  }

  insert(item: T): void {
    const before = (other: T) => this.#compare(other, item) < 0;
    const at = Math.min(this.#chunkOf(before), Math.max(0, this.#chunks.length - 1));
    const chunk = this.#chunks[at];
    if (chunk === undefined) {
      this.#chunks.push([item]);
      return;
    }
    chunk.splice(firstNot(chunk, before), 0, item);
    if (chunk.length > maxChunk) this.#chunks.splice(at + 1, 0, chunk.splice(maxChunk / 2));
  }

  /** Removes the item equal to this one, if there is one. */
  remove(item: T): void {
    const before = (other: T) => this.#compare(other, item) < 0;
    const at = this.#chunkOf(before);
    const chunk = this.#chunks[at];
    if (chunk === undefined) return;
    const place = firstNot(chunk, before);
    const found = chunk[place];
    if (found === undefined || this.#compare(found, item) !== 0) return;
    chunk.splice(place, 1);
    if (chunk.length === 0) this.#chunks.splice(at, 1);
  }

  /** The items from the first one that is not `before`, which must hold for a head of the list only. */
  *from(before: (item: T) => boolean): Generator<T> {
    let chunkAt = this.#chunkOf(before);
    let place = firstNot(this.#chunks[chunkAt] ?? [], before);
    for (; chunkAt < this.#chunks.length; chunkAt++, place = 0) {
      const chunk = this.#chunks[chunkAt] ?? [];
      for (; place < chunk.length; place++) {
        const item = chunk[place];
        if (item !== undefined) yield item;
      }
    }
  }

  /** The first chunk whose last item is not `before`. */
  #chunkOf(before: (item: T) => boolean): number {
    return firstNot(this.#chunks, (chunk) => {
      const last = chunk.at(-1);
      return last === undefined || before(last);
    });
  }
}

/** The first place whose item is not `before`, by halving. */
function firstNot<T>(items: readonly T[], before: (item: T) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const item = items[middle];
    if (item !== undefined && before(item)) low = middle + 1;
    else high = middle;
  }
  return low;
}
