import { invalidArgument } from './errors.ts';
import { getField, parseFieldPath } from './fields.ts';
import type { CompositeIndex, FieldIndexes, IndexConfig } from './indexconfig.ts';
import { maxIndexEntries, maxIndexEntriesBytes, maxIndexedValueBytes } from './limits.ts';
import { nameBytes, valueBytes } from './sizes.ts';
import { utf8Bytes } from './strings.ts';
import { compareValues, type Fields, type Value } from './values.ts';

/** Bytes of an entry beside the document's name, its parent's and the values. */
const entryOverheadBytes = 32;

/** The entries of one document in all indexes (firebase.google.com/docs/firestore/storage-size#index-entry-size). */
class EntryTally {
  readonly #config: IndexConfig;
  readonly #collectionId: string;
  readonly #fixedBytes: number;
  count = 0;
  bytes = 0;

  constructor(config: IndexConfig, path: string) {
    const ids = path.split('/');
    this.#config = config;
    this.#collectionId = ids.at(-2) ?? '';
    this.#fixedBytes = nameBytes(path) + nameBytes(ids.slice(0, -2).join('/')) + entryOverheadBytes;
  }

  addSingle(fields: Fields, above: readonly string[]): void {
    for (const [name, value] of fields) {
      const path = [...above, name];
      if (value.kind === 'map') this.addSingle(value.fields, path);
      else this.#addField(path, value, this.#config.fieldIndexes(this.#collectionId, path));
    }
  }

  addComposite({ fields: indexed }: CompositeIndex, fields: Fields): void {
    let count = 1;
    let bytes = 0;
    for (const { path, mode } of indexed) {
      const value = getField(fields, parseFieldPath(path));
      const values = mode === 'contains' ? elementsOf(value) : value === undefined ? [] : [value];
      count *= values.length;
      // A list is the only field with several values, and an index has at most one.
      bytes = bytes * values.length + totalBytes(values);
    }
    this.#add(count, bytes);
  }

  #addField(path: readonly string[], value: Value, { collection, collectionGroup }: FieldIndexes): void {
    const modes = [...collection, ...collectionGroup];
    const isList = value.kind === 'array';
    const values = isList ? elementsOf(value) : [value];
    const copies = modes.filter((mode) => (mode === 'contains') === isList).length;
    const count = copies * values.length;
    this.#add(count, count * (utf8Bytes(path.join('.')) + 1) + copies * totalBytes(values));
  }

  #add(count: number, bytes: number): void {
    this.count += count;
    this.bytes += count * this.#fixedBytes + bytes;
  }
}

function elementsOf(value: Value | undefined): Value[] {
  if (value?.kind !== 'array') return [];
  const sorted = [...value.values].sort(compareValues);
  return sorted.filter((one, i) => {
    const before = sorted[i - 1];
    return before === undefined || compareValues(before, one) !== 0;
  });
}

/** Bytes of a value that are indexed: of a large one, only the beginning. */
function totalBytes(values: readonly Value[]): number {
  return values.reduce((sum, value) => sum + Math.min(maxIndexedValueBytes, valueBytes(value)), 0);
}

/**
 * Refuses a document that would have too many entries in the database's indexes, or too large ones
 * (firebase.google.com/docs/firestore/quotas#indexes).
 * @throws StatusError INVALID_ARGUMENT
 */
export function checkIndexEntries(
  config: IndexConfig,
  path: string,
  fields: Fields,
  sizeBytes: number,
): void {
  const composites = config.composites(path.split('/').at(-2) ?? '');
  // A field takes three bytes and an element one, so most documents are too small to have too many entries.
  if (sizeBytes * (2 + composites.length) <= maxIndexEntries) return;
  const tally = new EntryTally(config, path);
  tally.addSingle(fields, []);
  for (const composite of composites) tally.addComposite(composite, fields);
  if (tally.count > maxIndexEntries) {
    throw invalidArgument(
      `too many index entries for entity: "${path}" has ${tally.count} of ${maxIndexEntries}.`,
    );
  }
  if (tally.bytes > maxIndexEntriesBytes) {
    throw invalidArgument(
      `The index entries of "${path}" take ${tally.bytes} bytes, of ${maxIndexEntriesBytes} that they may.`,
    );
  }
}
