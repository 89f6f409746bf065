import { compareEntries, type DocumentVersion, type Entry } from './entries.ts';
import { fieldGetter, type Getter } from './filters.ts';
import { SortedList } from './sortedlist.ts';
import { compareValues, type Value } from './values.ts';

const maxIndexesPerScope = 24;

interface IndexField {
  readonly path: string;
  readonly descending: boolean;
}

/** The order of an index: fields that queries fix to one value, then the order of their results, then the name. */
export interface IndexShape {
  readonly equal: readonly string[];
  readonly orders: readonly IndexField[];
  readonly nameDescending: boolean;
}

export interface IndexRow {
  /** The values of the shape's fields, `equal` before `orders`. */
  readonly key: readonly Value[];
  readonly entry: Entry;
}

/** One sorted index over the documents that have all its fields, as they are now. */
class SortedIndex {
  readonly #getters: readonly Getter[];
  readonly #directions: readonly number[];
  readonly #nameDirection: number;
  readonly #rows: SortedList<IndexRow>;

  constructor(shape: IndexShape, entries: Iterable<Entry>) {
    this.#getters = [...shape.equal, ...shape.orders.map(({ path }) => path)].map(fieldGetter);
    this.#directions = [
      ...shape.equal.map(() => 1),
      ...shape.orders.map(({ descending }) => (descending ? -1 : 1)),
    ];
    this.#nameDirection = shape.nameDescending ? -1 : 1;
    const compare = (a: IndexRow, b: IndexRow) => this.#compare(a, b);
    this.#rows = new SortedList(compare, [...this.#rowsOf(entries)].sort(compare));
  }

  update(entry: Entry, before: DocumentVersion | undefined, after: DocumentVersion | undefined): void {
    const old = this.#row(entry, before);
    const now = this.#row(entry, after);
    if (old !== undefined && now !== undefined && this.#compare(old, now) === 0) return;
    if (old !== undefined) this.#rows.remove(old);
    if (now !== undefined) this.#rows.insert(now);
  }

  /** The rows for which `place` is 0. It must be negative for those before them and positive for those after them. */
  *range(place: (row: IndexRow) => number): Generator<IndexRow> {
    for (const row of this.#rows.from((candidate) => place(candidate) < 0)) {
      if (place(row) !== 0) return;
      yield row;
    }
  }

  *#rowsOf(entries: Iterable<Entry>): Iterable<IndexRow> {
    for (const entry of entries) {
      const row = this.#row(entry, entry.current);
      if (row !== undefined) yield row;
    }
  }

  #row(entry: Entry, version: DocumentVersion | undefined): IndexRow | undefined {
    if (version === undefined) return undefined;
    const key: Value[] = [];
    for (const get of this.#getters) {
      const value = get(entry, version);
      if (value === undefined) return undefined;
      key.push(value);
    }
    return { key, entry };
  }

  #compare(a: IndexRow, b: IndexRow): number {
    for (const [i, direction] of this.#directions.entries()) {
      const x = a.key[i];
      const y = b.key[i];
      const order = x === undefined || y === undefined ? 0 : compareValues(x, y);
      if (order !== 0) return order * direction;
    }
    return compareEntries(a.entry, b.entry) * this.#nameDirection;
  }
}

/** The indexes of one scope: each is made by the first query that wants it, then kept up to date. */
export class IndexSet {
  readonly #indexes = new Map<string, SortedIndex>();

  /** The index of this shape, built from the scope's entries if it is new; the longest unused one makes way. */
  get(shape: IndexShape, entries: () => Iterable<Entry>): SortedIndex {
    const name = JSON.stringify(shape);
    const index = this.#indexes.get(name) ?? new SortedIndex(shape, entries());
    this.#indexes.delete(name);
    this.#indexes.set(name, index);
    if (this.#indexes.size > maxIndexesPerScope) {
      const [oldest] = this.#indexes.keys();
      if (oldest !== undefined) this.#indexes.delete(oldest);
    }
    return index;
  }

  update(entry: Entry, before: DocumentVersion | undefined, after: DocumentVersion | undefined): void {
    for (const index of this.#indexes.values()) index.update(entry, before, after);
  }
}
