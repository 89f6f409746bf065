import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AggregateField, FieldPath, Filter, type Query } from '@google-cloud/firestore';
import { IndexConfig, indexesOf } from '../../../local/firestore/indexconfig.ts';
import { code, codeOf, describeLocal, useLocalFirestore } from './harness.ts';

const ascending = (fieldPath: string) => ({ fieldPath, order: 'ASCENDING' });
const descending = (fieldPath: string) => ({ fieldPath, order: 'DESCENDING' });
const contains = (fieldPath: string) => ({ fieldPath, arrayConfig: 'CONTAINS' });

const indexes = new IndexConfig({
  indexes: [
    { collectionGroup: 'c', queryScope: 'COLLECTION', fields: [ascending('a'), ascending('x')] },
    { collectionGroup: 'c', queryScope: 'COLLECTION', fields: [ascending('b'), ascending('x')] },
    { collectionGroup: 'c', queryScope: 'COLLECTION', fields: [contains('tags'), ascending('x')] },
    { collectionGroup: 'c', queryScope: 'COLLECTION', fields: [ascending('a'), descending('y')] },
    { collectionGroup: 'c', queryScope: 'COLLECTION', fields: [ascending('x'), ascending('y')] },
    { collectionGroup: 'c', queryScope: 'COLLECTION', fields: [ascending('hidden'), ascending('x')] },
    { collectionGroup: 'c', queryScope: 'COLLECTION_GROUP', fields: [ascending('a'), ascending('z')] },
  ],
  fieldOverrides: [
    { collectionGroup: 'c', fieldPath: 'hidden', indexes: [] },
    { collectionGroup: 'c', fieldPath: 'big', indexes: [] },
    {
      collectionGroup: 'c',
      fieldPath: 'big.but',
      indexes: [{ order: 'ASCENDING', queryScope: 'COLLECTION' }],
    },
    { collectionGroup: 'c', fieldPath: 'up', indexes: [{ order: 'ASCENDING', queryScope: 'COLLECTION' }] },
    {
      collectionGroup: 'c',
      fieldPath: 'wide',
      indexes: [{ order: 'ASCENDING', queryScope: 'COLLECTION_GROUP' }],
    },
    { collectionGroup: 'bare', fieldPath: '*', indexes: [] },
  ],
});

describeLocal('Firestore queries need the indexes that production needs', () => {
  const connection = useLocalFirestore({ indexes });
  const id = FieldPath.documentId();

  async function served(expected: boolean, queries: Record<string, () => { get(): Promise<unknown> }>) {
    for (const [name, query] of Object.entries(queries)) {
      const outcome = await codeOf(query().get());
      assert.equal(outcome, expected ? undefined : code.failedPrecondition, name);
    }
  }
  const c = (): Query => connection().db.collection('c');
  const group = (): Query => connection().db.collectionGroup('c');

  it('one field, or fields compared for equality, need none', () =>
    served(true, {
      all: () => c(),
      'by name': () => c().where(id, '>', 'a').orderBy(id),
      'one order': () => c().orderBy('q', 'desc'),
      'one range': () => c().where('q', '>', 1).where('q', '<', 5).orderBy('q'),
      'not equal': () => c().where('q', '!=', 1),
      'not in': () => c().where('q', 'not-in', [1]),
      equalities: () => c().where('q', '==', 1).where('r', 'in', [1, 2]).where('s', '==', null),
      'equalities and elements': () => c().where('q', '==', 1).where('tags', 'array-contains', 1),
      'equality, by name': () => c().where('q', '==', 1).where(id, '>', 'a'),
      'equality, names down': () => c().where('q', '==', 1).orderBy(id, 'desc'),
      'order by what is fixed': () => c().where('q', '==', 1).orderBy('q'),
      or: () => c().where(Filter.or(Filter.where('q', '==', 1), Filter.where('r', '==', 1))),
      count: () => c().where('q', '==', 1).count(),
      sum: () => c().aggregate({ sum: AggregateField.sum('q') }),
      'a whole group': () => group(),
    }));

  it('everything else needs a composite index', () =>
    served(false, {
      'equality and order': () => c().where('q', '==', 1).orderBy('x'),
      'equality and range': () => c().where('q', '==', 1).where('x', '>', 1),
      'two orders': () => c().orderBy('x').orderBy('q'),
      'two ranges': () => c().where('x', '>', 1).where('q', '>', 1),
      'elements and order': () => c().where('other', 'array-contains', 1).orderBy('x'),
      'order with names the other way': () => c().orderBy('q').orderBy(id, 'desc'),
      'names down': () => c().orderBy(id, 'desc'),
      'sum of another field': () =>
        c()
          .where('q', '==', 1)
          .aggregate({ sum: AggregateField.sum('r') }),
      'one side of an or': () =>
        c()
          .where(Filter.or(Filter.where('a', '==', 1), Filter.where('q', '==', 1)))
          .orderBy('x'),
    }));

  it('a composite index serves its fields in its order and directions', async () => {
    await served(true, {
      order: () => c().where('a', '==', 1).orderBy('x'),
      range: () => c().where('a', '==', 1).where('x', '>', 1),
      in: () => c().where('a', 'in', [1, 2]).orderBy('x'),
      down: () => c().where('a', '==', 1).orderBy('y', 'desc'),
      elements: () => c().where('tags', 'array-contains-any', [1, 2]).orderBy('x'),
      'two orders': () => c().orderBy('x').orderBy('y'),
      'two ranges': () => c().where('y', '>', 1).where('x', '>', 1).orderBy('x'),
      sum: () =>
        c()
          .where('a', '==', 1)
          .aggregate({ sum: AggregateField.sum('x') }),
    });
    await served(false, {
      'other direction': () => c().where('a', '==', 1).orderBy('x', 'desc'),
      'last ones': () => c().where('a', '==', 1).orderBy('x').limitToLast(1),
      'other order': () => c().orderBy('y').orderBy('x'),
      'more fields than asked for': () => c().where('x', '==', 1).orderBy('z'),
      'not as elements': () => c().where('tags', '==', [1]).orderBy('x'),
      'sum of what is not in it': () =>
        c()
          .where('a', '==', 1)
          .orderBy('x')
          .aggregate({ sum: AggregateField.sum('q') }),
    });
  });

  it('indexes that end alike are merged', async () => {
    await served(true, {
      two: () => c().where('a', '==', 1).where('b', '==', 1).orderBy('x'),
      three: () =>
        c().where('a', '==', 1).where('b', '==', 1).where('tags', 'array-contains', 1).orderBy('x'),
    });
    await served(false, {
      'one is missing': () => c().where('a', '==', 1).where('q', '==', 1).orderBy('x'),
      'one ends otherwise': () => c().where('a', '==', 1).where('b', '==', 1).orderBy('y', 'desc'),
    });
  });

  it('a field exempt from indexing serves no query by itself', async () => {
    await served(false, {
      equality: () => c().where('hidden', '==', 1),
      order: () => c().orderBy('hidden'),
      'with another': () => c().where('hidden', '==', 1).where('q', '==', 1),
      'within a map': () => c().where('big.inner', '==', 1),
      sum: () => c().aggregate({ sum: AggregateField.sum('hidden') }),
      'only upwards': () => c().orderBy('up', 'desc'),
      'every field of the collection': () => connection().db.collection('bare').where('q', '==', 1),
    });
    await served(true, {
      'in a composite index': () => c().where('hidden', '==', 1).orderBy('x'),
      'with an override of its own': () => c().where('big.but', '==', 1),
      upwards: () => c().orderBy('up'),
    });
  });

  it('a collection group needs indexes of its own', async () => {
    await served(false, {
      equality: () => group().where('q', '==', 1),
      'only for collections': () => group().where('a', '==', 1).orderBy('x'),
      'only for groups': () => c().where('a', '==', 1).orderBy('z'),
      'only for groups, one field': () => c().where('wide', '==', 1),
    });
    await served(true, {
      composite: () => group().where('a', '==', 1).orderBy('z'),
      override: () => group().where('wide', '>', 1),
    });
  });

  it('says which index is missing, as it stands in the file', async () => {
    await assert.rejects(c().where('q', '==', 1).orderBy('x', 'desc').get(), (error: Error) => {
      const json = error.message.slice(error.message.indexOf('{'));
      assert.deepEqual(JSON.parse(json), {
        collectionGroup: 'c',
        queryScope: 'COLLECTION',
        fields: [ascending('q'), descending('x')],
      });
      return true;
    });
  });

  it('listeners and transactions are refused too', async () => {
    const { db } = connection();
    const query = c().where('q', '==', 1).orderBy('x');
    assert.equal(await codeOf(db.runTransaction((tx) => tx.get(query))), code.failedPrecondition);
    const refused = await new Promise<Error>((resolve) => query.onSnapshot(() => {}, resolve));
    assert.match(refused.message, /^Error 9: The query requires an index/);
  });

  it('a file that cannot be read is named', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'firestore-indexes-'));
    try {
      const firebaseJson = join(directory, 'firebase.json');
      await writeFile(firebaseJson, '{"firestore": {"indexes": "some.json"}}');
      assert.throws(() => indexesOf(firebaseJson), /some\.json cannot be read/);
      await writeFile(join(directory, 'some.json'), '{');
      assert.throws(() => indexesOf(firebaseJson), /some\.json cannot be read/);
      await writeFile(firebaseJson, '{"hosting": {}}');
      assert.equal(indexesOf(firebaseJson), undefined);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  it("the project's own file is read through firebase.json", () => {
    const config = indexesOf(join(import.meta.dirname, '../../../firebase.json'));
    assert.ok(config !== undefined && config.composites('tasks').length > 0);
    assert.deepEqual(config.ttlField('tasks'), ['sluice_expires_at']);
    assert.equal(config.fieldIndexes('tasks', ['metadata', 'any']).collection.size, 0);
    assert.equal(config.fieldIndexes('tasks', ['voice_name']).collection.size, 0);
    assert.equal(config.fieldIndexes('tasks', ['status']).collection.size, 2);
  });
});

describeLocal('the project’s own indexes', () => {
  const own = indexesOf(join(import.meta.dirname, '../../../firebase.json')) ?? new IndexConfig({});
  const connection = useLocalFirestore({ indexes: own });
  const tasks = (): Query => connection().db.collection('tasks');

  it('serve the queries of polls, and none by a further field of tasks', async () => {
    const open = tasks().where('status', 'in', ['pending', 'assigned', 'in_progress']);
    const newest = open.where('feed_shard', 'in', [0, 1]).orderBy('written_at', 'desc');
    for (const query of [open, newest]) assert.equal(await codeOf(query.get()), undefined);
    const further = tasks().where('voice_name', '==', 'Ann');
    assert.equal(await codeOf(further.get()), code.failedPrecondition);
  });

  it('let a task have a further field of more members than a document may have index entries', async () => {
    const members = Object.fromEntries(Array.from({ length: 25_000 }, (_, at) => [`k${at}`, at]));
    const write = (id: string) => connection().db.doc(id).set({ task_assignments: members });
    assert.equal(await codeOf(write('tasks/t')), undefined);
    assert.equal(await codeOf(write('others/t')), code.invalidArgument);
  });
});

describeLocal('Firestore index entries', () => {
  const connection = useLocalFirestore({
    indexes: new IndexConfig({
      indexes: [
        { collectionGroup: 'c', queryScope: 'COLLECTION', fields: [contains('list'), ascending('x')] },
        { collectionGroup: 'c', queryScope: 'COLLECTION', fields: [contains('list'), descending('x')] },
      ],
      fieldOverrides: [{ collectionGroup: 'c', fieldPath: 'free', indexes: [] }],
    }),
  });
  const numbers = (length: number) => Array.from({ length }, (_, i) => i);
  const map = (size: number) => Object.fromEntries(numbers(size).map((i) => [`k${i}`, i]));
  const write = (data: object) =>
    codeOf(
      connection()
        .db.doc('c/a')
        .set({ ...data }),
    );

  it('a document has at most 40,000, two for each field that is no list', async () => {
    assert.equal(await write(map(20_000)), undefined);
    assert.equal(await write(map(20_001)), code.invalidArgument);
    assert.equal(await write({ inner: map(20_000) }), undefined);
    assert.equal(await write({ inner: map(20_001) }), code.invalidArgument);
  });

  it('one for each different element of a list', async () => {
    assert.equal(await write({ list: numbers(40_000) }), undefined);
    assert.equal(await write({ list: numbers(40_001) }), code.invalidArgument);
    assert.equal(await write({ list: [...numbers(40_000), 1] }), undefined);
  });

  it('and one in each composite index for each element', async () => {
    assert.equal(await write({ list: numbers(13_332), x: 1 }), undefined);
    assert.equal(await write({ list: numbers(13_333), x: 1 }), code.invalidArgument);
  });

  it('fields exempt from indexing have none', async () => {
    assert.equal(await write({ free: map(40_000) }), undefined);
    assert.equal(await write({ free: { ...map(40_000), list: numbers(20_000) } }), undefined);
  });

  it('all together take at most 8 MiB, of each value the first 1,500 bytes', async () => {
    const ref = connection().db.doc(`c/${'i'.repeat(1400)}/c/${'j'.repeat(1400)}`);
    const parentBytes = 16 + 2 + 1401;
    const nameBytes = parentBytes + 2 + 1401;
    const fieldBytes = (name: string, valueBytes: number) =>
      2 * (nameBytes + parentBytes + name.length + 1 + valueBytes + 32);
    const document = (count: number) => ({ ...map(count), large: 'x'.repeat(20_000) });
    const bytes = (count: number) =>
      Object.keys(map(count)).reduce((sum, name) => sum + fieldBytes(name, 8), fieldBytes('large', 1500));
    const fitting = numbers(1000).findLast((count) => bytes(count) <= 8 * 1_048_576) ?? 0;
    assert.ok(fitting > 900);
    assert.equal(await codeOf(ref.set(document(fitting))), undefined);
    assert.equal(await codeOf(ref.set(document(fitting + 1))), code.invalidArgument);
  });

  it('a document that passes the limit by an update stays as it was', async () => {
    const ref = connection().db.doc('c/a');
    await ref.set(map(20_000));
    assert.equal(await codeOf(ref.update({ more: 1 })), code.invalidArgument);
    assert.equal((await ref.get()).get('more'), undefined);
  });
});
