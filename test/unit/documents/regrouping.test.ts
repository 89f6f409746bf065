import assert from 'node:assert/strict';
import fc from 'fast-check';
import { storedDocument } from '../../../functions/src/documents/document.ts';
import { namesOf } from '../../../functions/src/documents/fieldPath.ts';
import { reduceDocument } from '../../../functions/src/documents/reducer.ts';
import { type DocumentState, unstamped } from '../../../functions/src/documents/state.ts';
import type { OperationAccepted } from '../../../functions/src/events/event.ts';
import type { Json, JsonObject } from '../../../functions/src/platform/json.ts';
import { regrouped } from '../../support/arbitraries.ts';
import { flushedDocument, operations } from '../../support/operations.ts';
import { runs } from '../../support/runs.ts';

const path = 'things/1';

/** What the operations mean, one by one in the order of their stamps, on JSON. */
function oneByOne(all: readonly OperationAccepted[]): JsonObject | undefined {
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
function shown(value: unknown): unknown {
  if (value instanceof Date) return { $timestamp: value.toISOString() };
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, shown(inner)]));
}

const groupsOf = operations(path).chain((all) => fc.tuple(fc.constant(all), regrouped(all)));

describe('operations on a document, in any order, repeated and grouped', () => {
  it('mean what they mean one by one by their stamps, with the document stored in between', () => {
    fc.assert(
      fc.property(groupsOf, ([all, groups]) => {
        const end = groups.reduce<DocumentState>(flushedDocument, unstamped(path));
        assert.deepEqual(shown(end.fields), oneByOne(all));
      }),
      runs(3_000),
    );
  });

  it('leave the same stamps behind', () => {
    fc.assert(
      fc.property(groupsOf, ([all, groups]) => {
        const end = groups.reduce<DocumentState>(flushedDocument, unstamped(path));
        assert.deepEqual(storedDocument(end), storedDocument(flushedDocument(unstamped(path), all)));
      }),
      runs(1_000),
    );
  });

  it('say nothing new the second time', () => {
    fc.assert(
      fc.property(
        operations(path).chain((all) => fc.tuple(fc.constant(all), fc.subarray(all))),
        ([all, again]) => {
          const { state } = reduceDocument(unstamped(path), all);
          assert.deepEqual(reduceDocument(state, again), { state, undecidable: [] });
        },
      ),
      runs(500),
    );
  });

  it('do not change what they are given', () => {
    fc.assert(
      fc.property(operations(path), operations(path), (first, second) => {
        const { state } = reduceDocument(unstamped(path), first);
        const before = structuredClone(state);
        reduceDocument(state, second);
        assert.deepEqual(structuredClone(state), before);
      }),
      runs(300),
    );
  });
});
