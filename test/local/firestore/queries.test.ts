import assert from 'node:assert/strict';
import {
  AggregateField,
  type CollectionReference,
  FieldPath,
  Filter,
  type Query,
  Timestamp,
  type WhereFilterOp,
} from '@google-cloud/firestore';
import { code, codeOf, database, useFirestore } from './harness.ts';

const idsOf = async (query: Query) => (await query.get()).docs.map(({ id }) => id).join(' ');

describe('Firestore queries', () => {
  const connection = useFirestore();

  async function filled(documents: Record<string, object>): Promise<CollectionReference> {
    const { db, collection } = connection();
    const docs = collection();
    const batch = db.batch();
    for (const [id, data] of Object.entries(documents)) batch.set(docs.doc(id), data);
    await batch.commit();
    return docs;
  }

  describe('filters', () => {
    let docs: CollectionReference;
    const found = (op: WhereFilterOp, value: unknown) => idsOf(docs.where('v', op, value));

    before(async () => {
      docs = await filled({
        missing: {},
        nil: { v: null },
        nan: { v: Number.NaN },
        one: { v: 1 },
        two: { v: 2 },
        text: { v: 'a' },
        list: { v: [1, 'a'] },
        map: { v: { a: 1 } },
      });
    });

    it('equal', async () => {
      assert.equal(await found('==', 1), 'one');
      assert.equal(await found('==', 1.0), 'one');
      assert.equal(await found('==', null), 'nil');
      assert.equal(await found('==', Number.NaN), 'nan');
      assert.equal(await found('==', [1, 'a']), 'list');
      assert.equal(await found('==', { a: 1 }), 'map');
    });

    it('ranges keep to the type', async () => {
      assert.equal(await found('>=', 1), 'one two');
      assert.equal(await found('>', 1), 'two');
      assert.equal(await found('<', 2), 'one');
      assert.equal(await found('<=', 2), 'one two');
      assert.equal(await found('<', 'b'), 'text');
      assert.equal(await found('>', Timestamp.fromMillis(0)), '');
    });

    it('not equal leaves out null and missing', async () => {
      assert.equal(await found('!=', 1), 'nan two text list map');
      assert.equal(await found('!=', null), 'nan one two text list map');
      assert.equal(await found('!=', Number.NaN), 'one two text list map');
    });

    it('in and not-in', async () => {
      assert.equal(await found('in', [2, 1, 'a', 1]), 'one text two');
      assert.equal(await found('in', [null, Number.NaN]), '');
      assert.equal(await found('not-in', [1, 'a']), 'nan two list map');
      assert.equal(await found('not-in', [null, 1]), '');
    });

    it('array-contains and array-contains-any', async () => {
      assert.equal(await found('array-contains', 'a'), 'list');
      assert.equal(await found('array-contains', 2), '');
      assert.equal(await found('array-contains-any', [7, 1]), 'list');
    });
  });

  it('combine with and, or, and several inequalities', async () => {
    const docs = await filled({
      a: { x: 1, y: 9 },
      b: { x: 2, y: 8 },
      c: { x: 3, y: 7 },
      d: { x: 4, y: 6 },
      e: { x: 4 },
    });
    assert.equal(await idsOf(docs.where('x', '>', 1).where('y', '>', 6)), 'b c');
    assert.equal(await idsOf(docs.where('y', '>', 6).where('x', '>', 1).orderBy('y')), 'c b');
    assert.equal(
      await idsOf(docs.where(Filter.or(Filter.where('x', '==', 1), Filter.where('y', '==', 6)))),
      'a d',
    );
    const either = Filter.or(
      Filter.and(Filter.where('x', '>', 1), Filter.where('x', '<', 3)),
      Filter.where('x', '==', 4),
    );
    assert.equal(await idsOf(docs.where(either)), 'b d e');
    assert.equal(await idsOf(docs.where(either).where('y', '<', 8)), 'd');
  });

  it('order leaves out documents without the field, and names decide between equals', async () => {
    const docs = await filled({ c: { v: 1 }, a: { v: 1 }, b: { v: 2 }, none: { w: 1 }, nil: { v: null } });
    assert.equal(await idsOf(docs.orderBy('v')), 'nil a c b');
    assert.equal(await idsOf(docs.orderBy('v', 'desc')), 'b c a nil');
    assert.equal(await idsOf(docs.orderBy('v').orderBy(FieldPath.documentId(), 'desc')), 'nil c a b');
    assert.equal(await idsOf(docs), 'a b c nil none');
    assert.equal(await idsOf(docs.orderBy(FieldPath.documentId(), 'desc')), 'none nil c b a');
  });

  it('reach nested fields and names with dots', async () => {
    const docs = await filled({ a: { m: { n: 2 } }, b: { m: { n: 1 } }, c: { 'm.n': 3 }, d: { m: 1 } });
    assert.equal(await idsOf(docs.orderBy('m.n')), 'b a');
    assert.equal(await idsOf(docs.where(new FieldPath('m.n'), '==', 3)), 'c');
  });

  describe('pages', () => {
    let docs: CollectionReference;

    before(async () => {
      docs = await filled({ a: { v: 1 }, b: { v: 2 }, c: { v: 2 }, d: { v: 3 }, e: { v: 4 } });
    });

    it('start and end at values', async () => {
      const sorted = docs.orderBy('v');
      assert.equal(await idsOf(sorted.startAt(2)), 'b c d e');
      assert.equal(await idsOf(sorted.startAfter(2)), 'd e');
      assert.equal(await idsOf(sorted.endAt(2)), 'a b c');
      assert.equal(await idsOf(sorted.endBefore(2)), 'a');
      assert.equal(await idsOf(docs.orderBy('v', 'desc').startAfter(3).endAt(2)), 'c b');
    });

    it('start at a document, also between equals', async () => {
      const b = await docs.doc('b').get();
      assert.equal(await idsOf(docs.orderBy('v').startAfter(b)), 'c d e');
      assert.equal(await idsOf(docs.orderBy('v', 'desc').startAt(b)), 'b a');
      assert.equal(await idsOf(docs.where('v', '>=', 2).startAfter(b).limit(2)), 'c d');
      assert.equal(await idsOf(docs.startAfter(b)), 'c d e');
    });

    it('offset, limit, and limit to the last', async () => {
      const sorted = docs.orderBy('v');
      assert.equal(await idsOf(sorted.offset(1).limit(2)), 'b c');
      assert.equal(await idsOf(sorted.limitToLast(2)), 'd e');
      assert.equal(await idsOf(sorted.endBefore(4).limitToLast(2)), 'c d');
      assert.equal(await idsOf(sorted.offset(9)), '');
    });
  });

  it('select returns only some fields, or none', async () => {
    const docs = await filled({ a: { x: 1, y: { z: 2, w: 3 }, v: 4 } });
    const only = async (...fields: string[]) => (await docs.select(...fields).get()).docs[0]?.data();
    assert.deepEqual(await only('x', 'y.z', 'none'), { x: 1, y: { z: 2 } });
    assert.deepEqual(await only(), {});
    const [masked] = await connection().db.getAll(docs.doc('a'), { fieldMask: ['v'] });
    assert.deepEqual(masked?.data(), { v: 4 });
  });

  it('filter by document id', async () => {
    const docs = await filled({ a: { v: 1 }, b: { v: 1 }, c: { v: 2 } });
    const id = FieldPath.documentId();
    assert.equal(await idsOf(docs.where(id, '==', 'b')), 'b');
    assert.equal(await idsOf(docs.where(id, 'in', ['c', 'a', 'none'])), 'a c');
    assert.equal(await idsOf(docs.where(id, 'in', ['c', 'a']).where('v', '==', 2)), 'c');
    assert.equal(await idsOf(docs.where(id, '>', 'a')), 'b c');
    assert.equal(await idsOf(docs.where(id, '!=', 'b')), 'a c');
  });

  it('range over a collection group, and within one document', async () => {
    const { db, collection } = connection();
    const top = collection();
    const group = `g${top.id}`;
    const batch = db.batch();
    batch.set(top.doc('p').collection(group).doc('a'), { v: 3 });
    batch.set(top.doc('q').collection(group).doc('b'), { v: 1 });
    batch.set(top.doc('q').collection('x').doc('y').collection(group).doc('c'), { v: 2 });
    batch.set(db.collection(group).doc('d'), { v: 4 });
    batch.set(top.doc('q').collection(`${group}x`).doc('no'), { v: 0 });
    await batch.commit();
    const all = db.collectionGroup(group);
    assert.equal(await idsOf(all.orderBy('v')), 'b c a d');
    assert.equal(await idsOf(all.where('v', '>', 1).where('v', '<', 4)), 'c a');
    assert.equal(await idsOf(top.doc('q').collection(group)), 'b');
  });

  it('read at a time in the past', async () => {
    const docs = await filled({ a: { v: 1 }, b: { v: 2 } });
    const { readTime } = await docs.get();
    await docs.doc('a').set({ v: 5 });
    await docs.doc('b').delete();
    await docs.doc('c').set({ v: 3 });
    assert.equal(await idsOf(docs.orderBy('v')), 'c a');
    const then = await connection().db.runTransaction((tx) => tx.get(docs.orderBy('v')), {
      readOnly: true,
      readTime,
    });
    assert.deepEqual(
      then.docs.map((doc) => [doc.id, doc.get('v')]),
      [
        ['a', 1],
        ['b', 2],
      ],
    );
  });

  it('aggregate', async () => {
    const docs = await filled({ a: { n: 1 }, b: { n: 2.5 }, c: { n: 'x' }, d: {}, e: { n: 2 } });
    const of = async (query: Query) =>
      (
        await query
          .aggregate({
            count: AggregateField.count(),
            sum: AggregateField.sum('n'),
            average: AggregateField.average('n'),
          })
          .get()
      ).data();
    assert.equal((await docs.count().get()).data().count, 5);
    assert.equal((await docs.limit(2).count().get()).data().count, 2);
    assert.deepEqual(await of(docs.where('n', '<', 10)), { count: 3, sum: 5.5, average: 5.5 / 3 });
    assert.deepEqual(await of(docs), { count: 4, sum: 5.5, average: 5.5 / 3 });
    assert.deepEqual(await of(docs.where('n', '>', 10)), { count: 0, sum: 0, average: null });
  });

  it('refuse what is not a query', async () => {
    const { raw, collection } = connection();
    const from = [{ collectionId: collection().id }];
    const codeOfQuery = (structuredQuery: object) =>
      codeOf(
        (async () => {
          for await (const _ of raw.runQuery({ parent: `${database}/documents`, structuredQuery }));
        })(),
      );
    assert.equal(await codeOfQuery({ from }), undefined);
    assert.equal(await codeOfQuery({ from, limit: { value: -1 } }), code.invalidArgument);
    assert.equal(await codeOfQuery({ from, offset: -1 }), code.invalidArgument);
    assert.equal(await codeOfQuery({ from: [...from, ...from] }), code.invalidArgument);
    const tooMany = { values: [{ integerValue: 1 }, { integerValue: 2 }] };
    assert.equal(await codeOfQuery({ from, startAt: tooMany }), code.invalidArgument);
    const orderBy = [{ field: { fieldPath: 'a..b' } }];
    assert.equal(await codeOfQuery({ from, orderBy }), code.invalidArgument);
  });
});
