import assert from 'node:assert/strict';
import { FieldValue, Filter } from '@google-cloud/firestore';
import { code, codeOf, database, describeLocal, useFirestore, useLocalFirestore } from './harness.ts';

type Fields = Record<string, object>;

const text = (length: number) => ({ stringValue: 'x'.repeat(length) });
const nested = (levels: number): object =>
  levels === 0 ? { integerValue: 1 } : { mapValue: { fields: { a: nested(levels - 1) } } };

describe('Firestore limits', () => {
  const connection = useFirestore();

  async function codeOfWriting(fields: Fields, path = `${connection().collection().path}/x`) {
    const name = `${database}/documents/${path}`;
    return codeOf(connection().raw.commit({ database, writes: [{ update: { name, fields } }] }));
  }

  it('a document holds 1 MiB, its name and field names included, and not a byte more', async () => {
    const path = `${connection().collection().path}/x`;
    const nameBytes = 16 + (path.length + 1);
    const half = 500_000;
    const fieldBytes = 'f'.length + 1 + 1;
    const room = 1_048_576 - 32 - nameBytes - 2 * fieldBytes - half;
    assert.equal(await codeOfWriting({ f: text(half), g: text(room) }, path), undefined);
    assert.equal(await codeOfWriting({ f: text(half), g: text(room + 1) }, path), code.invalidArgument);
    assert.equal((await connection().db.doc(path).get()).get('g').length, room);
  });

  it('a value holds 1 MiB less 89 bytes', async () => {
    assert.equal(await codeOfWriting({ f: text(1_048_487) }), undefined);
    assert.equal(await codeOfWriting({ f: text(1_048_488) }), code.invalidArgument);
    const bytes = (length: number) => ({ bytesValue: Buffer.alloc(length) });
    assert.equal(await codeOfWriting({ f: bytes(1_048_488) }), code.invalidArgument);
  });

  it('counts text in UTF-8', async () => {
    assert.equal(await codeOfWriting({ f: { stringValue: 'é'.repeat(530_000) } }), code.invalidArgument);
  });

  it('a request holds 10 MiB', async () => {
    const { raw, collection } = connection();
    const parent = `${database}/documents/${collection().path}`;
    const writes = (count: number) =>
      Array.from({ length: count }, (_, i) => ({
        update: { name: `${parent}/${i}`, fields: { f: text(1e6) } },
      }));
    assert.equal(await codeOf(raw.commit({ database, writes: writes(10) })), undefined);
    assert.equal(await codeOf(raw.commit({ database, writes: writes(11) })), code.invalidArgument);
  });

  it('reserves field names between double underscores, and refuses empty ones', async () => {
    for (const name of ['__x__', '__name__', '____', '']) {
      assert.equal(await codeOfWriting({ [name]: { integerValue: 1 } }), code.invalidArgument, name);
    }
    const inner = { mapValue: { fields: { __x__: { integerValue: 1 } } } };
    assert.equal(await codeOfWriting({ outer: inner }), code.invalidArgument);
    assert.equal(await codeOfWriting({ __x: { integerValue: 1 }, x__: { integerValue: 1 } }), undefined);
    assert.equal(await codeOfWriting({ ['f'.repeat(1501)]: { integerValue: 1 } }), code.invalidArgument);
  });

  it('reserves document and collection ids', async () => {
    const { path } = connection().collection();
    for (const bad of [
      `${path}/__x__`,
      `${path}/.`,
      `${path}/..`,
      `__${path}__/x`,
      path,
      `${path}/a/b`,
      `${path}//b/c`,
    ]) {
      assert.equal(await codeOfWriting({}, bad), code.invalidArgument, bad);
    }
    assert.equal(await codeOfWriting({}, `${path}/${'i'.repeat(1501)}`), code.invalidArgument);
    assert.equal(await codeOfWriting({}, `${path}/${'i'.repeat(1500)}`), undefined);
  });

  it('a name is at most 6 KiB long and 100 collections deep', async () => {
    const { path } = connection().collection();
    const long = `${path}/${Array.from({ length: 4 }, () => 'i'.repeat(1500)).join('/')}/a`;
    assert.equal(await codeOfWriting({}, `${long}/${'b'.repeat(6144 - long.length - 3)}/c`), undefined);
    assert.equal(
      await codeOfWriting({}, `${long}/${'b'.repeat(6144 - long.length - 2)}/c`),
      code.invalidArgument,
    );
    const deep = (collections: number) => `${path}/a${'/c/d'.repeat(collections - 1)}`;
    assert.equal(await codeOfWriting({}, deep(100)), undefined);
    assert.equal(await codeOfWriting({}, deep(101)), code.invalidArgument);
  });

  it('an array must not lie directly in an array', async () => {
    const inner = { arrayValue: { values: [{ integerValue: 1 }] } };
    assert.equal(await codeOfWriting({ a: { arrayValue: { values: [inner] } } }), code.invalidArgument);
    const through = { mapValue: { fields: { inner } } };
    assert.equal(await codeOfWriting({ a: { arrayValue: { values: [through] } } }), undefined);
  });

  it('maps nest 20 deep', async () => {
    assert.equal(await codeOfWriting({ a: nested(20) }), undefined);
    assert.equal(await codeOfWriting({ a: nested(21) }), code.invalidArgument);
    assert.equal(await codeOfWriting({ a: nested(40) }), code.invalidArgument);
  });

  it('a refused write leaves nothing behind', async () => {
    const { raw, db, collection } = connection();
    const docs = collection();
    const name = (id: string) => `${database}/documents/${docs.path}/${id}`;
    const good = { update: { name: name('good'), fields: {} } };
    const bad = { update: { name: name('bad'), fields: { __x__: { integerValue: 1 } } } };
    assert.equal(await codeOf(raw.commit({ database, writes: [good, bad] })), code.invalidArgument);
    assert.equal((await db.collection(docs.path).get()).size, 0);
  });

  it('a filter over a list takes at most 30 values', async () => {
    const { raw, collection } = connection();
    const { path } = collection();
    const query = (count: number) => ({
      parent: `${database}/documents`,
      structuredQuery: {
        from: [{ collectionId: path }],
        where: {
          fieldFilter: {
            field: { fieldPath: 'a' },
            op: 'IN' as const,
            value: { arrayValue: { values: Array.from({ length: count }, (_, i) => ({ integerValue: i })) } },
          },
        },
      },
    });
    const run = async (count: number) => {
      for await (const _ of raw.runQuery(query(count)));
    };
    assert.equal(await codeOf(run(30)), undefined);
    assert.equal(await codeOf(run(31)), code.invalidArgument);
  });
});

describeLocal('Firestore limits of requests', () => {
  const connection = useLocalFirestore();
  const numbers = (length: number) => Array.from({ length }, (_, i) => i);

  it('a commit changes one document by at most 500 transforms', async () => {
    const { raw, collection } = connection();
    const { path } = collection();
    const write = (id: string, from: number, count: number) => ({
      update: { name: `${database}/documents/${path}/${id}`, fields: {} },
      updateMask: { fieldPaths: [] },
      updateTransforms: numbers(count).map((i) => ({
        fieldPath: `f${from + i}`,
        increment: { integerValue: 1 },
      })),
    });
    const commit = (...writes: object[]) => codeOf(raw.commit({ database, writes }));
    assert.equal(await commit(write('a', 0, 500), write('b', 0, 500)), undefined);
    assert.equal(await commit(write('a', 0, 501)), code.invalidArgument);
    assert.equal(await commit(write('a', 0, 300), write('a', 300, 201)), code.invalidArgument);
  });

  it('a query has at most 30 alternatives, in all its filters together', async () => {
    const docs = connection().collection();
    const inList = (field: string, length: number) => Filter.where(field, 'in', numbers(length));
    const run = (filter: Filter) => codeOf(docs.where(filter).get());
    assert.equal(await run(Filter.and(inList('a', 5), inList('b', 6))), undefined);
    assert.equal(await run(Filter.and(inList('a', 4), inList('b', 8))), code.invalidArgument);
    assert.equal(await run(Filter.or(inList('a', 20), inList('b', 10))), undefined);
    assert.equal(await run(Filter.or(inList('a', 20), inList('b', 11))), code.invalidArgument);
  });

  it('some filters exclude each other', async () => {
    const docs = connection().collection();
    const has = (value: number) => Filter.where('tags', 'array-contains', value);
    const not = Filter.where('a', 'not-in', [1]);
    const run = (filter: Filter) => codeOf(docs.where(filter).get());
    assert.equal(await run(Filter.or(has(1), has(2))), undefined);
    assert.equal(await run(Filter.and(has(1), has(2))), code.invalidArgument);
    assert.equal(await run(not), undefined);
    assert.equal(await run(Filter.and(not, Filter.where('b', '!=', 1))), code.invalidArgument);
    assert.equal(await run(Filter.and(not, Filter.where('b', 'in', [1]))), code.invalidArgument);
    assert.equal(await run(Filter.or(not, Filter.where('b', '==', 1))), code.invalidArgument);
    assert.equal(await run(Filter.where('a', 'not-in', numbers(11))), code.invalidArgument);
  });

  it('a query has at most 100 filters and orders', async () => {
    const docs = connection().collection();
    const query = (orders: number) => {
      let all = docs.where('a', '==', 1);
      for (const i of numbers(orders)) all = all.orderBy(`f${i}`);
      return codeOf(all.get());
    };
    assert.equal(await query(99), undefined);
    assert.equal(await query(100), code.invalidArgument);
  });

  it('a query compares at most 10 fields by more than equality', async () => {
    const docs = connection().collection();
    const query = (fields: number) =>
      codeOf(docs.where(Filter.and(...numbers(fields).map((i) => Filter.where(`f${i}`, '>', 1)))).get());
    assert.equal(await query(10), undefined);
    assert.equal(await query(11), code.invalidArgument);
  });

  it('there is no search for the nearest vectors, and it says so', async () => {
    const docs = connection().collection();
    await docs.doc('a').set({ v: FieldValue.vector([1, 2]) });
    const nearest = docs.findNearest({
      vectorField: 'v',
      queryVector: [1, 1],
      limit: 1,
      distanceMeasure: 'EUCLIDEAN',
    });
    await assert.rejects(nearest.get(), { code: code.unimplemented, message: /[Vv]ector search/ });
    assert.deepEqual((await docs.doc('a').get()).get('v'), FieldValue.vector([1, 2]));
  });
});
