import assert from 'node:assert/strict';
import { FieldValue, GeoPoint, Timestamp } from '@google-cloud/firestore';
import { database, useFirestore } from './harness.ts';

describe('Firestore values', () => {
  const connection = useFirestore();

  it('come back as they were written', async () => {
    const { collection } = connection();
    const ref = collection().doc();
    const data = {
      nothing: null,
      yes: true,
      integer: 7,
      fraction: 0.5,
      infinite: Number.NEGATIVE_INFINITY,
      time: new Timestamp(1_700_000_000, 123_456_000),
      early: new Timestamp(-62_135_596_800, 0),
      text: 'é € 😀',
      empty: '',
      bytes: Buffer.from([0, 1, 255]),
      ref,
      place: new GeoPoint(-12.5, 180),
      list: [1, 'two', { three: [3] }, null],
      emptyList: [],
      map: { a: { b: { c: 1 } }, absent: undefined, 'with.dot': 1, '`': 2 },
      emptyMap: {},
      vector: FieldValue.vector([1, 2.5]),
    };
    await ref.set(data);
    const stored = (await ref.get()).data() ?? {};
    assert.ok(ref.isEqual(stored['ref']));
    assert.ok(data.place.isEqual(stored['place']));
    assert.deepEqual(stored['vector'].toArray(), [1, 2.5]);
    const plain = ({ ref: _ref, place: _place, vector: _vector, ...rest }: Record<string, unknown>) => rest;
    const expected = { ...data, map: { a: { b: { c: 1 } }, 'with.dot': 1, '`': 2 } };
    assert.deepEqual(plain(stored), plain(expected));
  });

  it('keep nanoseconds only to the microsecond', async () => {
    const ref = connection().collection().doc();
    await ref.set({ time: new Timestamp(5, 123_456_789) });
    assert.equal((await ref.get()).get('time').nanoseconds, 123_456_000);
  });

  it('keep 64-bit integers exact and apart from doubles', async () => {
    const { raw, collection } = connection();
    const name = `${database}/documents/${collection().path}/x`;
    const fields = {
      max: { integerValue: '9223372036854775807' },
      min: { integerValue: '-9223372036854775808' },
      odd: { integerValue: '9007199254740993' },
      one: { integerValue: '1' },
      oneDouble: { doubleValue: 1 },
    };
    await raw.commit({ database, writes: [{ update: { name, fields } }] });
    const stream = raw.batchGetDocuments({ database, documents: [name] });
    const answers = [];
    for await (const answer of stream) answers.push(answer);
    const stored = answers[0].found.fields;
    for (const field of ['max', 'min', 'odd', 'one'] as const) {
      assert.equal(stored[field].integerValue, fields[field].integerValue, field);
    }
    assert.equal(stored.oneDouble.valueType, 'doubleValue');
  });

  it('sort across types as documented', async () => {
    const { db, collection } = connection();
    const values = collection();
    const inOrder: unknown[] = [
      null,
      false,
      true,
      Number.NaN,
      Number.NEGATIVE_INFINITY,
      -1.5,
      0,
      1,
      1.5,
      2 ** 60,
      new Timestamp(1, 0),
      new Timestamp(1, 1000),
      '',
      'Z',
      'a',
      'aa',
      '\uffee',
      '😀',
      Buffer.from([1]),
      Buffer.from([1, 0]),
      Buffer.from([2]),
      db.doc('a/b'),
      db.doc('a/b/c/d'),
      db.doc('b/a'),
      new GeoPoint(-1, 5),
      new GeoPoint(1, -5),
      [],
      [1],
      [1, 1],
      [2],
      FieldValue.vector([9]),
      FieldValue.vector([1, 1]),
      {},
      { a: 1 },
      { a: 1, b: 0 },
      { a: 2 },
      { b: 0 },
    ];
    const batch = db.batch();
    inOrder.forEach((value, i) => void batch.set(values.doc(`d${(i * 7) % inOrder.length}`), { value, i }));
    await batch.commit();
    const positions = async (direction: 'asc' | 'desc') =>
      (await values.orderBy('value', direction).get()).docs.map((doc) => doc.get('i'));
    const expected = inOrder.map((_, i) => i);
    assert.deepEqual(await positions('asc'), expected);
    assert.deepEqual(await positions('desc'), expected.reverse());
  });

  it('compare numbers by their exact value, whatever their type', async () => {
    const { raw, collection } = connection();
    const numbers = collection();
    const write = (id: string, value: object) => ({
      update: { name: `${database}/documents/${numbers.path}/${id}`, fields: { n: value } },
    });
    await raw.commit({
      database,
      writes: [
        write('a', { integerValue: '9007199254740993' }),
        write('b', { doubleValue: 9007199254740992 }),
        write('c', { integerValue: '9007199254740991' }),
        write('d', { doubleValue: 9.3e18 }),
        write('e', { integerValue: '9223372036854775807' }),
      ],
    });
    const sorted = await numbers.orderBy('n').get();
    assert.deepEqual(
      sorted.docs.map(({ id }) => id),
      ['c', 'b', 'a', 'e', 'd'],
    );
  });

  it('order document ids by UTF-8 bytes', async () => {
    const { db, collection } = connection();
    const names = collection();
    const ids = ['B', 'a', '\ufb01', '😀'];
    const batch = db.batch();
    for (const id of [...ids].reverse()) batch.set(names.doc(id), {});
    await batch.commit();
    assert.deepEqual(
      (await names.get()).docs.map(({ id }) => id),
      ids,
    );
  });
});
