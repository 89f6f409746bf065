import fc from 'fast-check';
import { documentState, storedDocument } from '../../functions/src/documents/document.ts';
import { namesOf } from '../../functions/src/documents/fieldPath.ts';
import { reduceDocument } from '../../functions/src/documents/reducer.ts';
import { type DocumentState, deletedAt } from '../../functions/src/documents/state.ts';
import { marked, type OperationAccepted } from '../../functions/src/events/event.ts';
import type { Json, JsonObject } from '../../functions/src/platform/json.ts';
import { startMs } from './clock.ts';
import { stampAt } from './events.ts';

interface OperationOptions {
  sequence?: number;
  visibility?: 'prompt';
}

export function operation(
  path: string,
  ms: number,
  type: OperationAccepted['type'],
  data?: JsonObject,
  { sequence = 0, visibility }: OperationOptions = {},
): OperationAccepted {
  return marked({
    kind: 'operation',
    path,
    stamp: stampAt(ms, sequence),
    type,
    ...(data === undefined ? {} : { data }),
    ...(visibility === undefined ? {} : { visibility }),
  });
}

const scalar = fc.oneof(
  fc.integer({ min: 0, max: 3 }),
  fc.constantFrom<Json>(
    null,
    'text',
    [1, { a: 2 }],
    9_007_199_254_740_993n,
    { $timestamp: '2026-01-01T00:00:00.000Z' },
    { $bytes: 'AAEC' },
  ),
);
const { value } = fc.letrec<{ value: Json; map: JsonObject }>((tie) => ({
  value: fc.oneof({ withCrossShrink: true, maxDepth: 3 }, scalar, tie('map')),
  map: fc.dictionary(fc.constantFrom('a', 'b', 'x.y'), tie('value'), { maxKeys: 3 }),
}));
const place = fc.constantFrom('a', 'b', 'a.a', 'a.b', 'a.a.b', 'a.a.a', 'b.a', '`x.y`', '`x.y`.a');

/** Updates of several places, none of them inside another. */
const update: fc.Arbitrary<JsonObject> = fc
  .dictionary(
    place,
    fc.oneof({ weight: 3, arbitrary: value }, { weight: 1, arbitrary: fc.constant({ $delete: true }) }),
    {
      minKeys: 1,
      maxKeys: 3,
    },
  )
  .map((given) => {
    const paths = Object.keys(given).filter(
      (path, _, all) => !all.some((other) => path.startsWith(`${other}.`)),
    );
    return Object.fromEntries(paths.map((path) => [path, given[path] ?? null]));
  });

/** Operations on one document, each with a stamp of its own; not in the order of their stamps. */
export function operations(path: string, maxLength = 12): fc.Arbitrary<OperationAccepted[]> {
  const one = fc.oneof(
    {
      weight: 2,
      arbitrary: fc
        .dictionary(fc.constantFrom('a', 'b', 'x.y'), value, { maxKeys: 3 })
        .map((data) => ['set', data] as const),
    },
    { weight: 5, arbitrary: update.map((data) => ['update', data] as const) },
    { weight: 1, arbitrary: fc.constant(['delete', undefined] as const) },
  );
  return fc
    .array(fc.tuple(fc.integer({ min: 0, max: 2_000 }), one), { minLength: 1, maxLength })
    .map((all) =>
      all.map(([at, [type, data]], sequence) => operation(path, startMs + at, type, data, { sequence })),
    );
}

/** A flush of these operations over what is stored, written and read again. */
export function flushedDocument(before: DocumentState, events: readonly OperationAccepted[]): DocumentState {
  const { state } = reduceDocument(before, events);
  const document = storedDocument(state);
  return document === undefined
    ? deletedAt(state.path, state.wholeStamp)
    : documentState(state.path, document);
}

/** The meaning of operations, one by one in the order of their stamps, on JSON. */
export function oneByOne(all: readonly OperationAccepted[]): JsonObject | undefined {
  let document: JsonObject | undefined;
  for (const { type, data = {} } of all.toSorted((a, b) => (a.stamp < b.stamp ? -1 : 1))) {
    if (type === 'delete') document = undefined;
    else if (type === 'set') document = structuredClone(data);
    else {
      document ??= {};
      for (const [place, value] of Object.entries(data)) put(document, namesOf(place) ?? [], value);
    }
  }
  return document;
}

function put(into: JsonObject, [name = '', ...rest]: readonly string[], value: Json): void {
  if (rest.length > 0) {
    const inner = into[name];
    const isJsonMap =
      typeof inner === 'object' &&
      inner !== null &&
      !Array.isArray(inner) &&
      !Object.keys(inner).some((key) => key.startsWith('$'));
    const map = isJsonMap ? inner : {};
    into[name] = map;
    put(map, rest, value);
  } else if (typeof value === 'object' && value !== null && '$delete' in value) delete into[name];
  else into[name] = structuredClone(value);
}

/** A stored value as the operations had it. */
export function shown(value: unknown): unknown {
  if (value instanceof Date) return { $timestamp: value.toISOString() };
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, shown(inner)]));
}
