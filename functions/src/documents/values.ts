import type { OperationAccepted } from '../events/event.ts';
import type { Fields } from '../platform/documents.ts';
import type { Json, JsonObject } from '../platform/json.ts';
import { documentBytes, isMap, valueBytes } from '../platform/values.ts';

/** The value behind `{"$delete": true}`: there is to be none. */
const nothing: unique symbol = Symbol('nothing');

/** An operation's values as the database holds them. */
export function storedFields(data: JsonObject): Fields {
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, storedValue(value)]));
}

/** A value as the database holds it, or {@link nothing}. The forms were checked when it was accepted. */
export function storedValue(value: Json): unknown {
  if (Array.isArray(value)) return value.map(storedValue);
  if (typeof value !== 'object' || value === null) return value;
  if (typeof value['$timestamp'] === 'string') return new Date(value['$timestamp']);
  if (typeof value['$bytes'] === 'string') return Buffer.from(value['$bytes'], 'base64');
  if (value['$delete'] === true) return nothing;
  return storedFields(value);
}

/** Bytes that a document has at the least right after this operation, without what Sluice adds to it. */
export function leastBytes(type: OperationAccepted['type'], path: string, data: JsonObject): number {
  if (type !== 'update') return documentBytes(path, storedFields(data));
  const values = Object.values(data)
    .map(storedValue)
    .filter((value) => value !== nothing);
  return values.reduce<number>((sum, value) => sum + valueBytes(value), documentBytes(path, {}));
}

/** A copy whose maps, at any depth of maps, may be changed. */
export function copyOf(value: unknown): unknown {
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, copyOf(inner)]));
}

/** The value at a place in a document; {@link nothing} where nothing is. */
export function valueAt(fields: Fields, names: readonly string[]): unknown {
  let value: unknown = fields;
  for (const name of names) {
    if (!isMap(value) || !Object.hasOwn(value, name)) return nothing;
    value = value[name];
  }
  return value;
}

/** Puts a value, or {@link nothing}, in its place; what is in the way to it becomes a map. */
export function putAt(fields: Fields, [name = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length > 0) {
    const inner = Object.hasOwn(fields, name) ? fields[name] : undefined;
    const map = isMap(inner) ? inner : {};
    fields[name] = map;
    putAt(map, rest, value);
  } else if (value === nothing) delete fields[name];
  else fields[name] = value;
}
