import { invalid } from './errors.ts';

/** The members to keep, by name or `*`, and what to keep of each; an empty one is all of it. */
type Selection = Map<string, Selection>;

/**
 * Only the parts of an answer that `fields` names, as `items(name,metadata/kind),nextPageToken`
 * (https://cloud.google.com/storage/docs/json_api#partial-response). Throws 400 for what is no such list.
 */
export function selectFields(answer: object, fields: string): unknown {
  const tokens = fields.match(/[^,/()\s]+|[,/()]/g) ?? [];
  const selection = readList(tokens);
  if (tokens.length > 0) throw invalid(`Invalid field selection ${fields}`);
  return pick(answer, selection);
}

function readList(tokens: string[]): Selection {
  const selection: Selection = new Map();
  do {
    const [name, of] = readItem(tokens);
    const known = selection.get(name);
    for (const [inner, each] of known ?? []) of.set(inner, each);
    selection.set(name, known?.size === 0 ? known : of);
  } while (takes(tokens, ','));
  return selection;
}

function readItem(tokens: string[]): [name: string, of: Selection] {
  const name = tokens.shift() ?? '';
  if (/^[,/()]?$/.test(name)) throw invalid(`Invalid field selection ${name}`);
  if (takes(tokens, '/')) return [name, new Map([readItem(tokens)])];
  if (!takes(tokens, '(')) return [name, new Map()];
  const of = readList(tokens);
  if (!takes(tokens, ')')) throw invalid(`Invalid field selection ${name}`);
  return [name, of];
}

function takes(tokens: string[], token: string): boolean {
  if (tokens[0] !== token) return false;
  tokens.shift();
  return true;
}

function pick(value: unknown, selection: Selection): unknown {
  if (selection.size === 0 || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((each: unknown) => pick(each, selection));
  const kept = Object.entries(value).flatMap(([name, member]) => {
    const of = selection.get(name) ?? selection.get('*');
    return of === undefined ? [] : [[name, pick(member, of)] as const];
  });
  return Object.fromEntries(kept);
}
