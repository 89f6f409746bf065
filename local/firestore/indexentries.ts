import { invalidArgument } from './errors.ts';
import { getField, parseFieldPath } from './fields.ts';
import type { CompositeIndex, FieldIndexes, IndexConfig } from './indexconfig.ts';
import { maxIndexEntries } from './limits.ts';
import { compareValues, type Fields, type Value } from './values.ts';

function countDistinct(values: readonly Value[]): number {
  const sorted = [...values].sort(compareValues);
  return sorted.filter((value, i) => {
    const before = sorted[i - 1];
    return before === undefined || compareValues(before, value) !== 0;
  }).length;
}

function countOf({ collection, collectionGroup }: FieldIndexes, value: Value): number {
  const modes = [...collection, ...collectionGroup];
  const contains = modes.filter((mode) => mode === 'contains').length;
  if (value.kind === 'array') return contains === 0 ? 0 : contains * countDistinct(value.values);
  return modes.length - contains;
}

function countSingle(
  config: IndexConfig,
  collectionId: string,
  fields: Fields,
  above: readonly string[],
): number {
  let count = 0;
  for (const [name, value] of fields) {
    const path = [...above, name];
    if (value.kind === 'map') count += countSingle(config, collectionId, value.fields, path);
    else count += countOf(config.fieldIndexes(collectionId, path), value);
  }
  return count;
}

function countComposite({ fields: indexed }: CompositeIndex, fields: Fields): number {
  let count = 1;
  for (const { path, mode } of indexed) {
    const value = getField(fields, parseFieldPath(path));
    if (value === undefined) return 0;
    if (mode === 'contains') count *= value.kind === 'array' ? countDistinct(value.values) : 0;
  }
  return count;
}

/**
 * Refuses a document that would have too many entries in the database's indexes
 * (firebase.google.com/docs/firestore/quotas#indexes).
 * @throws StatusError INVALID_ARGUMENT
 */
export function checkIndexEntries(
  config: IndexConfig,
  path: string,
  fields: Fields,
  sizeBytes: number,
): void {
  const collectionId = path.split('/').at(-2) ?? '';
  const composites = config.composites(collectionId);
  // A field takes three bytes and an element one, so most documents are too small to have too many entries.
  if (sizeBytes * (2 + composites.length) <= maxIndexEntries) return;
  let count = countSingle(config, collectionId, fields, []);
  for (const composite of composites) count += countComposite(composite, fields);
  if (count > maxIndexEntries) {
    throw invalidArgument(`too many index entries for entity: "${path}" has ${count} of ${maxIndexEntries}.`);
  }
}
