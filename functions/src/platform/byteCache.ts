/** A cache is memory bounded by bytes, of values by key. Past the bound the least recently used go. */
export class ByteCache<Value> {
  readonly #maxBytes: number;
  readonly #entries = new Map<string, { value: Value; bytes: number }>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** Puts a value in the place of the one before; returns how many others had to go for it. */
  set(key: string, value: Value, bytes: number): number {
    this.delete(key);
    this.#entries.set(key, { value, bytes });
    this.#bytes += bytes;
    const before = this.#entries.size;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.delete(oldest);
    }
    return before - this.#entries.size;
  }

  delete(key: string): void {
    this.#bytes -= this.#entries.get(key)?.bytes ?? 0;
    this.#entries.delete(key);
  }

  /** The values, the least recently used first. */
  values(): Value[] {
    return [...this.#entries.values()].map(({ value }) => value);
  }

  /** Deletes the values of which this is true. */
  deleteWhere(isGone: (value: Value) => boolean): void {
    for (const [key, { value }] of this.#entries) if (isGone(value)) this.delete(key);
  }
}
