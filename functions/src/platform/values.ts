import type { Fields } from './documents.ts';
import { isInt64, type Json, type JsonObject, parseWritten } from './json.ts';

/** Deepest nesting of maps and arrays that Firestore stores (https://cloud.google.com/firestore/quotas#limits). */
const maxDepth = 20;

/** Ends the name of a field that holds, as JSON text, a value that Firestore's types cannot. */
const textSuffix = '_json';

/** The field, by its name, that holds a JSON value: as it is, or as text where Firestore has no form for it. */
export function fieldForJson(name: string, value: Json): Fields {
  const isPlain = isStorable(value, maxDepth - 2) && !name.endsWith(textSuffix);
  return isPlain ? { [name]: value } : { [name + textSuffix]: JSON.stringify(value) };
}

/** The other of the two names under which {@link fieldForJson} may have put the value of a field of this name. */
export function otherFormOf(field: string): string {
  return field.endsWith(textSuffix) ? field.slice(0, -textSuffix.length) : field + textSuffix;
}

/** The JSON values behind {@link fieldForJson}'s fields, by their plain names; only names that `keep` accepts. */
export function jsonFromFields(fields: Fields, keep: (name: string) => boolean = () => true): JsonObject {
  const values: JsonObject = {};
  for (const [field, value] of Object.entries(fields)) {
    const text = field.endsWith(textSuffix) && typeof value === 'string' ? parse(value) : undefined;
    const name = text === undefined ? field : field.slice(0, -textSuffix.length);
    if (keep(name)) values[name] = text === undefined ? jsonOf(value) : text;
  }
  return values;
}

/** The value of a JSON text, or undefined for a text that somebody else put into a field of such a name. */
function parse(text: string): Json | undefined {
  try {
    return parseWritten(text);
  } catch {
    return undefined;
  }
}

/** A stored value as JSON: dates as ISO 8601 text, bytes as base64. */
export function jsonOf(value: unknown): Json {
  if (value === undefined || value === null) return null;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(jsonOf);
  if (typeof value === 'object') {
    if (!isMap(value)) return jsonOfClass(value);
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, jsonOf(inner)]));
  }
  return value as Json;
}

/** True for a stored value that is a map: not a date, bytes, or another class of the client's. */
export function isMap(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** JSON of values that only others write: a reference's path, a place's coordinates, a vector's numbers. */
function jsonOfClass(value: ForeignValue): Json {
  if (typeof value.path === 'string') return value.path;
  if (typeof value.toArray === 'function') return value.toArray();
  const { latitude, longitude } = value;
  return latitude === undefined || longitude === undefined ? null : { latitude, longitude };
}

/** As much as is known of the client's own classes. */
interface ForeignValue {
  path?: string;
  toArray?: () => number[];
  latitude?: number;
  longitude?: number;
}

/**
 * True where Firestore stores this value and gives the same one back: no array in an array, no reserved or empty name,
 * no half of a surrogate pair, which UTF-8 cannot hold.
 */
function isStorable(value: Json, depth: number, inArray = false): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value === 'bigint') return isInt64(value);
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  if (depth <= 0 || (inArray && Array.isArray(value))) return false;
  if (Array.isArray(value)) return value.every((inner) => isStorable(inner, depth - 1, true));
  return Object.entries(value).every(
    ([key, inner]) =>
      key !== '' &&
      key.isWellFormed() &&
      !/^__.*__$/s.test(key) &&
      Buffer.byteLength(key) <= 1500 &&
      isStorable(inner, depth - 1),
  );
}

/** Bytes of a field's value as Firestore counts them (https://cloud.google.com/firestore/docs/storage-size). */
export function valueBytes(value: unknown): number {
  if (value === null || typeof value === 'boolean') return 1;
  if (['number', 'bigint', 'symbol'].includes(typeof value) || value instanceof Date) return 8;
  if (typeof value === 'string') return Buffer.byteLength(value) + 1;
  if (value instanceof Uint8Array) return value.length;
  if (Array.isArray(value)) return value.reduce<number>((sum, inner) => sum + valueBytes(inner), 0);
  return isMap(value) ? fieldsBytes(value) : classBytes(value as ForeignValue);
}

function classBytes(value: ForeignValue): number {
  if (typeof value.path === 'string') return 32 + Buffer.byteLength(value.path);
  return typeof value.toArray === 'function' ? 8 * value.toArray().length : 16;
}

/** Bytes of a map of fields, their names included. */
export function fieldsBytes(fields: Fields): number {
  let sum = 0;
  for (const [name, value] of Object.entries(fields)) sum += Buffer.byteLength(name) + 1 + valueBytes(value);
  return sum;
}

/** Bytes of a document, its name and overhead included. */
export function documentBytes(path: string, fields: Fields): number {
  const nameBytes = path.split('/').reduce((sum, segment) => sum + Buffer.byteLength(segment) + 1, 16);
  return nameBytes + 32 + fieldsBytes(fields);
}
