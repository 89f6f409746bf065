import { invalidArgument } from './errors.ts';
import { emptyFields, type Fields, type Value } from './values.ts';

export type FieldPath = readonly string[];

/** The pseudo field that stands for a document's name. */
export const nameField = '__name__';

const maxCachedPaths = 10_000;
const cache = new Map<string, FieldPath>();
const segment = /(?:`((?:[^`\\]|\\[\s\S])+)`|([^.`]+))(\.|$)/y;

/**
 * Splits `a.b` and `` `a.b`.c `` into names.
 * @throws StatusError INVALID_ARGUMENT for an empty name or an open quote.
 */
export function parseFieldPath(text: string): FieldPath {
  const known = cache.get(text);
  if (known !== undefined) return known;
  const names: string[] = [];
  let more = true;
  segment.lastIndex = 0;
  while (more) {
    const match = segment.exec(text);
    if (match === null) throw invalidArgument(`Invalid property path "${text.slice(0, 100)}".`);
    names.push(match[1]?.replace(/\\([\s\S])/g, '$1') ?? match[2] ?? '');
    more = match[3] === '.';
  }
  if (cache.size >= maxCachedPaths) cache.clear();
  cache.set(text, names);
  return names;
}

function fieldsOf(value: Value | undefined): Fields | undefined {
  return value?.kind === 'map' ? value.fields : undefined;
}

/** The value at the path, or undefined when the document has none. */
export function getField(fields: Fields, path: FieldPath): Value | undefined {
  let within: Fields | undefined = fields;
  let value: Value | undefined;
  for (const name of path) {
    value = within?.get(name);
    within = fieldsOf(value);
  }
  return value;
}

/** Fields being edited. Maps on the edited paths are copied once; all others are shared with the original. */
export class FieldsDraft {
  readonly #root: Map<string, Value>;
  readonly #copies = new Set<Fields>();

  constructor(original: Fields) {
    this.#root = new Map(original);
  }

  get fields(): Fields {
    return this.#root;
  }

  get(path: FieldPath): Value | undefined {
    return getField(this.#root, path);
  }

  /** Sets the path, making maps on the way (also in place of other values), or removes it when `value` is undefined. */
  set(path: FieldPath, value: Value | undefined): void {
    const last = path.at(-1);
    if (last === undefined) return;
    if (value === undefined && this.get(path) === undefined) return;
    let within = this.#root;
    for (const name of path.slice(0, -1)) within = this.#ownMap(within, name);
    if (value === undefined) within.delete(last);
    else within.set(last, value);
  }

  #ownMap(parent: Map<string, Value>, name: string): Map<string, Value> {
    const current = fieldsOf(parent.get(name)) ?? emptyFields;
    if (current instanceof Map && this.#copies.has(current)) return current;
    const copy = new Map(current);
    this.#copies.add(copy);
    parent.set(name, { kind: 'map', fields: copy });
    return copy;
  }
}

/** Only the named fields, for masks and `select`. */
export function pickFields(fields: Fields, paths: readonly string[]): Fields {
  const picked = new FieldsDraft(emptyFields);
  for (const text of paths) {
    if (text === nameField) continue;
    const path = parseFieldPath(text);
    picked.set(path, getField(fields, path));
  }
  return picked.fields;
}
