import { compareNames } from './names.ts';
import { compareUtf8 } from './strings.ts';

export type Fields = ReadonlyMap<string, Value>;

/** A Firestore value. Integers are bigint, so that 64 bits stay exact and 1 differs from 1.0. */
export type Value =
  | { readonly kind: 'null' }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'integer'; readonly value: bigint }
  | { readonly kind: 'double'; readonly value: number }
  | { readonly kind: 'timestamp'; readonly seconds: number; readonly nanos: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly kind: 'reference'; readonly value: string }
  | { readonly kind: 'geoPoint'; readonly latitude: number; readonly longitude: number }
  | { readonly kind: 'array'; readonly values: readonly Value[] }
  | { readonly kind: 'vector'; readonly values: readonly Value[] }
  | { readonly kind: 'map'; readonly fields: Fields };

export type NumberValue = Extract<Value, { kind: 'integer' | 'double' }>;

export const nullValue: Value = { kind: 'null' };
export const emptyFields: Fields = new Map();

/** The order of types (firebase.google.com/docs/firestore/manage-data/data-types#value_type_ordering). */
const typeRank: Record<Value['kind'], number> = {
  null: 0,
  boolean: 1,
  integer: 2,
  double: 2,
  timestamp: 3,
  string: 4,
  bytes: 5,
  reference: 6,
  geoPoint: 7,
  array: 8,
  vector: 9,
  map: 10,
};

/**
 * Negative, zero or positive as the type of `a` sorts before, with or after that of `b`. Integers
 * and doubles are one type.
 */
export function compareTypes(a: Value, b: Value): number {
  return typeRank[a.kind] - typeRank[b.kind];
}

export function isNumber(value: Value): value is NumberValue {
  return value.kind === 'integer' || value.kind === 'double';
}

export function isNan(value: Value): boolean {
  return value.kind === 'double' && Number.isNaN(value.value);
}

/** Orders numbers by their exact mathematical value; NaN comes first, and 0 equals -0. */
export function compareNumbers(a: NumberValue, b: NumberValue): number {
  if (a.value < b.value) return -1;
  if (a.value > b.value) return 1;
  return Number(isNan(b)) - Number(isNan(a));
}

/** The order of queries: total over all types; 1 equals 1.0. */
export function compareValues(a: Value, b: Value): number {
  const types = compareTypes(a, b);
  if (types !== 0) return types;
  if (a.kind === 'string' && b.kind === 'string') return compareUtf8(a.value, b.value);
  if (isNumber(a) && isNumber(b)) return compareNumbers(a, b);
  if (a.kind === 'timestamp' && b.kind === 'timestamp') return a.seconds - b.seconds || a.nanos - b.nanos;
  if (a.kind === 'boolean' && b.kind === 'boolean') return Number(a.value) - Number(b.value);
  if (a.kind === 'bytes' && b.kind === 'bytes') return Buffer.compare(a.value, b.value);
  if (a.kind === 'reference' && b.kind === 'reference') return compareNames(a.value, b.value);
  if (a.kind === 'geoPoint' && b.kind === 'geoPoint') {
    return a.latitude - b.latitude || a.longitude - b.longitude;
  }
  if (a.kind === 'array' && b.kind === 'array') return compareLists(a.values, b.values);
  if (a.kind === 'vector' && b.kind === 'vector') {
    return a.values.length - b.values.length || compareLists(a.values, b.values);
  }
  if (a.kind === 'map' && b.kind === 'map') return compareMaps(a.fields, b.fields);
  return 0;
}

function compareLists(a: readonly Value[], b: readonly Value[]): number {
  for (const [i, x] of a.entries()) {
    const y = b[i];
    if (y === undefined) return 1;
    const order = compareValues(x, y);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareMaps(a: Fields, b: Fields): number {
  const sorted = (fields: Fields) => [...fields].sort(([x], [y]) => compareUtf8(x, y));
  const right = sorted(b);
  for (const [i, [name, value]] of sorted(a).entries()) {
    const other = right[i];
    if (other === undefined) return 1;
    const order = compareUtf8(name, other[0]) || compareValues(value, other[1]);
    if (order !== 0) return order;
  }
  return a.size - b.size;
}

/** True where storing `b` over `a` would change nothing: unlike in queries, 1 differs from 1.0 and 0 from -0. */
function identicalValues(a: Value, b: Value): boolean {
  if (a.kind !== b.kind) return false;
  if (a.kind === 'double' && b.kind === 'double') return Object.is(a.value, b.value);
  if ((a.kind === 'array' && b.kind === 'array') || (a.kind === 'vector' && b.kind === 'vector')) {
    return a.values.length === b.values.length && a.values.every((x, i) => identicalAt(x, b.values[i]));
  }
  if (a.kind === 'map' && b.kind === 'map') return identicalFields(a.fields, b.fields);
  return compareValues(a, b) === 0;
}

function identicalAt(a: Value, b: Value | undefined): boolean {
  return b !== undefined && identicalValues(a, b);
}

/** {@link identicalValues} for whole documents. */
export function identicalFields(a: Fields, b: Fields): boolean {
  if (a.size !== b.size) return false;
  for (const [name, value] of a) if (!identicalAt(value, b.get(name))) return false;
  return true;
}
