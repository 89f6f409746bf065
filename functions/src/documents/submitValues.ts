import { faultAt, isObject, isoTimeMs, quoted } from '../http/fields.ts';
import { isInt64, type Json, type JsonObject } from '../platform/json.ts';
import { maxFieldNameBytes, maxNesting } from './limits.ts';

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
/**
 * The times that Firestore can store (https://firebase.google.com/docs/reference/node/firebase.firestore.Timestamp).
 */
const earliestMs = Date.parse('0001-01-01T00:00:00Z');
const latestMs = Date.parse('9999-12-31T23:59:59.999Z');

/** Forms that people may know from Firestore, and why they are refused. */
const refusedForms: Readonly<Record<string, string>> = {
  $increment: 'adding exactly once needs more than the bounded field a document has for it; send the sum',
  $array_union: 'it cannot be done exactly once in any order; send the whole list',
  $array_remove: 'it cannot be done exactly once in any order; send the whole list',
};

/**
 * Reads submitted fields: checks that Firestore can hold them, and resolves what depends on when they were accepted.
 * Every method throws AppError `invalid_request` with the place of the fault.
 */
export class FieldReader {
  readonly #acceptedMs: number;

  constructor(acceptedMs: number) {
    this.#acceptedMs = acceptedMs;
  }

  /** A map's fields; `depth`: of maps and lists around them. */
  fields(fields: Readonly<Record<string, unknown>>, at: string, depth: number): JsonObject {
    return Object.fromEntries(
      Object.entries(fields).map(([name, value]) => {
        checkName(name, at);
        return [name, this.#value(value, `${at}.${name}`, depth)];
      }),
    );
  }

  /** The value for a place in the document, where there may be `{"$delete": true}`. */
  place(names: readonly string[], value: unknown): Json {
    const at = `data.${names.join('.')}`;
    for (const name of names) checkName(name, at);
    if (names.length - 1 > maxNesting) throw faultAt(at, `nests deeper than ${maxNesting}`);
    if (isObject(value) && value['$delete'] === true && Object.keys(value).length === 1)
      return { $delete: true };
    return this.#value(value, at, names.length - 1);
  }

  #value(value: unknown, at: string, depth: number): Json {
    if (typeof value === 'string') {
      if (!value.isWellFormed()) throw faultAt(at, 'has half of a surrogate pair');
      return value;
    }
    if (typeof value === 'number' && !Number.isFinite(value)) throw faultAt(at, 'is NaN or out of range');
    if (typeof value === 'bigint' && !isInt64(value)) throw faultAt(at, 'is an integer past 64 bits');
    if (typeof value !== 'object' || value === null) return value as Json;
    if (isObject(value)) {
      const form = Object.keys(value).find((name) => name.startsWith('$'));
      if (form !== undefined) return this.#form(form, value, at);
    }
    if (depth >= maxNesting) throw faultAt(at, `nests deeper than ${maxNesting}`);
    return Array.isArray(value)
      ? value.map((inner, index) => this.#inList(inner, `${at}[${index}]`, depth + 1))
      : this.fields(value as Record<string, unknown>, at, depth + 1);
  }

  #inList(value: unknown, at: string, depth: number): Json {
    if (Array.isArray(value)) throw faultAt(at, 'is a list directly in a list, which Firestore cannot hold');
    return this.#value(value, at, depth);
  }

  /** A value that JSON has no form for. */
  #form(form: string, value: Readonly<Record<string, unknown>>, at: string): Json {
    if (Object.keys(value).length > 1) throw faultAt(at, `has more than ${quoted(form)}, which stands alone`);
    const content = value[form];
    switch (form) {
      case '$timestamp':
        return { $timestamp: new Date(timeMs(content, at)).toISOString() };
      case '$server_timestamp':
        if (content !== true) throw faultAt(at, '$server_timestamp is always true');
        return { $timestamp: new Date(this.#acceptedMs).toISOString() };
      case '$bytes':
        if (typeof content !== 'string' || !base64.test(content)) throw faultAt(at, '$bytes holds base64');
        return { $bytes: content };
      case '$delete':
        throw faultAt(at, '$delete stands only for a field of an update, by its path');
      default: {
        const why = Object.hasOwn(refusedForms, form) ? refusedForms[form] : undefined;
        throw faultAt(at, `${quoted(form)} is not supported${why === undefined ? '' : `: ${why}`}`);
      }
    }
  }
}

function timeMs(value: unknown, at: string): number {
  const ms = typeof value === 'string' ? isoTimeMs(value) : Number.NaN;
  if (!(ms >= earliestMs && ms <= latestMs)) throw faultAt(at, '$timestamp holds an ISO 8601 time');
  return ms;
}

function checkName(name: string, at: string): void {
  if (name === '') throw faultAt(at, 'has a field without a name');
  if (/^__.*__$/s.test(name)) throw faultAt(at, `${quoted(name)}: names of the form __…__ are reserved`);
  if (name.startsWith('$')) throw faultAt(at, `${quoted(name)}: a field’s name does not begin with $`);
  if (!name.isWellFormed()) throw faultAt(at, 'a name has half of a surrogate pair');
  if (Buffer.byteLength(name) > maxFieldNameBytes) {
    throw faultAt(at, `${quoted(name)}: a field’s name has at most ${maxFieldNameBytes} bytes`);
  }
}
