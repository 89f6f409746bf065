import assert from 'node:assert/strict';
import fc from 'fast-check';
import { storedDocument } from '../../functions/src/documents/document.ts';
import { reduceDocument } from '../../functions/src/documents/reducer.ts';
import { type DocumentState, unstamped } from '../../functions/src/documents/state.ts';
import { regrouped } from '../support/arbitraries.ts';
import { flushedDocument, oneByOne, operations, shown } from '../support/operations.ts';
import { runs } from '../support/runs.ts';

const path = 'things/1';

const groupsOf = operations(path).chain((all) => fc.tuple(fc.constant(all), regrouped(all)));

describe('operations on a document, in any order, repeated and grouped', () => {
  it('mean what they mean one by one by their stamps, with the document stored in between @slow', () => {
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
