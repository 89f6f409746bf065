import assert from 'node:assert/strict';
import { documentState, fieldChanges, storedDocument } from '../../functions/src/documents/document.ts';
import { fieldPath, namesOf } from '../../functions/src/documents/fieldPath.ts';
import { maxStamps } from '../../functions/src/documents/limits.ts';
import { reduceDocument } from '../../functions/src/documents/reducer.ts';
import { unstamped } from '../../functions/src/documents/state.ts';
import { removed } from '../../functions/src/platform/documents.ts';
import { startMs } from '../support/clock.ts';
import { flushedDocument, operation } from '../support/operations.ts';

const path = 'things/1';
const set = (ms: number, data = {}) => operation(path, startMs + ms, 'set', data);
const update = (ms: number, data = {}) => operation(path, startMs + ms, 'update', data);
const gone = (ms: number) => operation(path, startMs + ms, 'delete');
const reduced = (...operations: ReturnType<typeof set>[]) =>
  reduceDocument(unstamped(path), operations).state;

describe('an operation on a document', () => {
  it('set replaces what is older, and only that', () => {
    assert.deepEqual(reduced(set(1, { a: 1, b: 1 }), set(2, { a: 2 })).fields, { a: 2 });
    assert.deepEqual(reduced(update(3, { b: 3 }), set(2, { a: 2, b: 2 })).fields, { a: 2, b: 3 });
  });

  it('update merges, through dotted paths, and creates what is missing', () => {
    assert.deepEqual(reduced(update(1, { 'a.b.c': 1 })).fields, { a: { b: { c: 1 } } });
    assert.deepEqual(reduced(set(1, { a: { x: 1 } }), update(2, { 'a.b': 2 })).fields, { a: { x: 1, b: 2 } });
    assert.deepEqual(reduced(set(1, { a: { x: 1 } }), update(2, { a: { b: 2 } })).fields, { a: { b: 2 } });
  });

  it('on a part meets one on the whole of it in either order', () => {
    const inner = update(2, { 'a.b': 2 });
    for (const outer of [update(1, { a: { b: 1, c: 1 } }), set(1, { a: { b: 1, c: 1 } })]) {
      assert.deepEqual(reduced(outer, inner).fields, { a: { b: 2, c: 1 } });
      assert.deepEqual(reduced(inner, outer).fields, { a: { b: 2, c: 1 } });
    }
    const later = update(3, { a: { c: 3 } });
    assert.deepEqual(reduced(inner, later).fields, { a: { c: 3 } });
    assert.deepEqual(reduced(later, inner).fields, { a: { c: 3 } });
  });

  it('delete removes what is older, also when that comes later', () => {
    assert.equal(reduced(set(1, { a: 1 }), gone(2)).fields, undefined);
    assert.equal(reduced(gone(2), set(1, { a: 1 })).fields, undefined);
    assert.deepEqual(reduced(set(1, { a: 1 }), update(3, { b: 3 }), gone(2)).fields, { b: 3 });
  });

  it('of the removal of a field leaves what contains it as a map', () => {
    assert.deepEqual(reduced(set(1, { a: 5 }), update(2, { 'a.b': { $delete: true } })).fields, { a: {} });
  });

  it('finds a document of somebody else older than itself', () => {
    const before = unstamped(path, { mine: { deep: 1 }, other: 2 });
    assert.deepEqual(reduceDocument(before, [update(1, { 'mine.new': 1 })]).state.fields, {
      mine: { deep: 1, new: 1 },
      other: 2,
    });
    assert.deepEqual(reduceDocument(before, [set(1, { only: 1 })]).state.fields, { only: 1 });
  });
});

describe('the stamps of a document', () => {
  it('are one after a set, however many fields there are', () => {
    const state = reduced(update(1, { a: 1, b: 1 }), set(2, { c: 1, d: 1 }));
    assert.equal(state.stamps.size, 0);
    assert.deepEqual(documentState(path, storedDocument(state) ?? {}), state);
  });

  it('are in time order nowhere in the bytes that are indexed first', () => {
    const [a, b] = [reduced(set(1)), reduced(set(2))].map((state) => storedDocument(state)?.['_sluice']);
    assert.ok(a instanceof Uint8Array && b instanceof Uint8Array);
    assert.notDeepEqual(a.subarray(0, 8), b.subarray(0, 8));
  });

  const many = Array.from({ length: maxStamps + 5 }, (_, index) => update(index, { [`f${index}`]: index }));

  it(`are at most ${maxStamps}; what is older than the forgotten ones cannot be judged`, () => {
    const state = flushedDocument(unstamped(path), many);
    assert.equal(state.stamps.size, maxStamps);
    assert.equal(state.floor, many[4]?.stamp);
    const late = update(3, { f0: 'late', f900: 'late' });
    const { state: same, undecidable } = reduceDocument(state, [late, update(2, { f900: 'beaten' })]);
    assert.deepEqual(undecidable, [late]);
    assert.deepEqual(same.fields, state.fields);
  });

  it('begin anew with a set or delete that is later than the forgotten ones', () => {
    const state = flushedDocument(unstamped(path), many);
    const whole = reduceDocument(state, [set(900, { g: 1 })]).state;
    assert.equal(whole.fields?.['f900'], undefined, 'its stamp is that of the set');
    assert.equal(whole.fields?.['f901'], 901);
    assert.equal(whole.fields?.['f0'], undefined);
    assert.deepEqual(reduceDocument(whole, [set(3, { f0: 1 })]).undecidable, []);
  });

  it('are bounded by the bytes of their places as well', () => {
    const long = Array.from({ length: 100 }, (_, index) =>
      update(index, { [`${'x'.repeat(1_000)}${index}`]: 1 }),
    );
    const state = reduced(...long);
    assert.equal(state.stamps.size, 65);
  });
});

describe('field paths', () => {
  it('are names between dots, or in backticks', () => {
    assert.deepEqual(namesOf('a.b-c.d'), ['a', 'b-c', 'd']);
    assert.deepEqual(namesOf('`a.b`.`c\\`\\\\d`'), ['a.b', 'c`\\d']);
    for (const wrong of ['', '.', 'a.', '.a', 'a..b', '`a', 'a`b', '``', 'a.`b`c']) {
      assert.equal(namesOf(wrong), undefined, wrong);
    }
  });

  it('have one form each', () => {
    for (const names of [
      ['a', 'b'],
      ['x.y', 'z'],
      ['`', '\\', '0', 'ü'],
    ]) {
      assert.deepEqual(namesOf(fieldPath(names)), names);
    }
    assert.equal(fieldPath(['a', 'b.c']), 'a.`b.c`');
  });
});

describe('the changes from one document to another', () => {
  it('touch only the places that differ', () => {
    assert.deepEqual(
      fieldChanges({ a: { b: 1, c: { d: 1 } }, e: [1], f: 1 }, { a: { b: 1, c: { d: 2 } }, e: [1, 2] }),
      [
        { path: ['a', 'c', 'd'], value: 2 },
        { path: ['e'], value: [1, 2] },
        { path: ['f'], value: removed },
      ],
    );
  });
});
