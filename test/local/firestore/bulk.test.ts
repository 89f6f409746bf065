import assert from 'node:assert/strict';
import { code, codeOf, database, useFirestore } from './harness.ts';

describe('Firestore batched writes', () => {
  const connection = useFirestore();

  it('one that fails leaves the others alone', async () => {
    const { db, collection } = connection();
    const docs = collection();
    await docs.doc('taken').set({ kept: true });
    const bulk = db.bulkWriter();
    bulk.onWriteError(() => false);
    const outcomes = Promise.all([
      codeOf(bulk.create(docs.doc('new'), { a: 1 })),
      codeOf(bulk.create(docs.doc('taken'), {})),
      codeOf(bulk.update(docs.doc('missing'), { a: 1 })),
      codeOf(bulk.delete(docs.doc('missing'))),
    ]);
    await bulk.close();
    assert.deepEqual(await outcomes, [undefined, code.alreadyExists, code.notFound, undefined]);
    assert.deepEqual(
      (await docs.get()).docs.map((doc) => [doc.id, doc.data()]),
      [
        ['new', { a: 1 }],
        ['taken', { kept: true }],
      ],
    );
  });

  it('reports a status for each write, in order', async () => {
    const { raw, collection } = connection();
    const { path } = collection();
    const write = (
      id: string,
      fields: Record<string, { integerValue: number }>,
      currentDocument: { exists?: boolean } = {},
    ) => ({
      update: { name: `${database}/documents/${path}/${id}`, fields },
      currentDocument,
    });
    const [{ status, writeResults }] = await raw.batchWrite({
      database,
      writes: [
        write('a', {}),
        write('b', { __x__: { integerValue: 1 } }),
        write('c', {}, { exists: true }),
        write('d', {}),
      ],
    });
    assert.deepEqual(
      status?.map((one) => one.code),
      [0, code.invalidArgument, code.notFound, 0],
    );
    assert.equal(writeResults?.length, 4);
    assert.ok(writeResults?.[3]?.updateTime);
  });

  it('refuses two writes to one document', async () => {
    const { raw, collection } = connection();
    const write = { update: { name: `${database}/documents/${collection().path}/a`, fields: {} } };
    assert.equal(await codeOf(raw.batchWrite({ database, writes: [write, write] })), code.invalidArgument);
  });

  it('recursive deletes reach every level', async () => {
    const { db, collection } = connection();
    const docs = collection();
    const bulk = db.bulkWriter();
    for (let i = 0; i < 30; i++) {
      void bulk.set(docs.doc(`d${i}`), {});
      void bulk.set(docs.doc(`d${i}`).collection('sub').doc('x').collection('deep').doc('y'), {});
    }
    await bulk.close();
    await db.recursiveDelete(docs);
    assert.equal((await docs.get()).size, 0);
    assert.deepEqual(await docs.doc('d1').listCollections(), []);
  });
});
