import assert from 'node:assert/strict';
import { AggregateField, type CollectionReference, FieldPath } from '@google-cloud/firestore';
import type { FirestoreUsage } from '../../../local/shared/service.ts';
import { codeOf, describeLocal, useLocalFirestore } from './harness.ts';

describeLocal('Firestore billing', () => {
  const connection = useLocalFirestore();
  let docs: CollectionReference;

  beforeEach(async () => {
    const { db, collection } = connection();
    docs = collection();
    const batch = db.batch();
    for (let i = 0; i < 10; i++) batch.set(docs.doc(`d${i}`), { i });
    await batch.commit();
  });

  async function billed(work: () => Promise<unknown>): Promise<FirestoreUsage> {
    const { local } = connection();
    local.resetUsage();
    await work();
    return local.usage();
  }
  const reads = async (work: () => Promise<unknown>) => {
    const usage = await billed(work);
    assert.deepEqual({ ...usage, reads: 0 }, { reads: 0, writes: 0, deletes: 0 });
    return usage.reads;
  };

  it('a document got is a read, also a missing one', async () => {
    assert.equal(await reads(() => docs.doc('d1').get()), 1);
    assert.equal(await reads(() => docs.doc('none').get()), 1);
    assert.equal(
      await reads(() => connection().db.getAll(docs.doc('d1'), docs.doc('d2'), docs.doc('none'))),
      3,
    );
  });

  it('a query is a read for each result and each skipped one, and at least one', async () => {
    assert.equal(await reads(() => docs.where('i', '<', 4).get()), 4);
    assert.equal(await reads(() => docs.orderBy('i').limit(3).get()), 3);
    assert.equal(await reads(() => docs.orderBy('i').offset(5).limit(2).get()), 7);
    assert.equal(await reads(() => docs.orderBy('i').offset(20).get()), 10);
    assert.equal(await reads(() => docs.where('i', '>', 99).get()), 1);
    assert.equal(await reads(() => docs.where(FieldPath.documentId(), '==', 'none').get()), 1);
  });

  it('a count is a read per 1,000 index entries, at least one', async () => {
    assert.equal(await reads(() => docs.count().get()), 1);
    assert.equal(await reads(() => docs.where('i', '>', 99).count().get()), 1);
    assert.equal(await reads(() => docs.aggregate({ sum: AggregateField.sum('i') }).get()), 1);
    const { db } = connection();
    const batch = db.batch();
    for (let i = 10; i < 1001; i++) batch.set(docs.doc(`d${i}`), { i });
    await batch.commit();
    assert.equal(await reads(() => docs.count().get()), 2);
  });

  it('writes and deletes count each, also those that change nothing', async () => {
    const { db } = connection();
    const usage = await billed(() =>
      db
        .batch()
        .set(docs.doc('d0'), { i: 0 })
        .update(docs.doc('d1'), { i: 9 })
        .update(docs.doc('d1'), { i: 8 })
        .delete(docs.doc('d2'))
        .delete(docs.doc('none'))
        .commit(),
    );
    assert.deepEqual(usage, { reads: 0, writes: 3, deletes: 2 });
  });

  it('a commit that fails is not billed', async () => {
    const { db } = connection();
    const usage = await billed(() =>
      codeOf(db.batch().set(docs.doc('new'), {}).delete(docs.doc('d0')).create(docs.doc('d1'), {}).commit()),
    );
    assert.deepEqual(usage, { reads: 0, writes: 0, deletes: 0 });
  });

  it('of a batched write only what succeeds is billed', async () => {
    const usage = await billed(async () => {
      const bulk = connection().db.bulkWriter();
      bulk.onWriteError(() => false);
      const outcomes = [
        bulk.create(docs.doc('d1'), {}),
        bulk.set(docs.doc('d2'), {}),
        bulk.delete(docs.doc('d3')),
      ];
      const settled = Promise.allSettled(outcomes);
      await bulk.close();
      await settled;
    });
    assert.deepEqual(usage, { reads: 0, writes: 1, deletes: 1 });
  });

  it('every attempt of a transaction pays its reads, only the last one its writes', async () => {
    let attempts = 0;
    const usage = await billed(() =>
      connection().db.runTransaction(async (tx) => {
        attempts++;
        await tx.getAll(docs.doc('d1'), docs.doc('d2'));
        tx.set(docs.doc('d1'), { attempts });
        if (attempts === 1) throw Object.assign(new Error('contention'), { code: 10 });
      }),
    );
    assert.deepEqual(usage, { reads: 4, writes: 1, deletes: 0 });
  });

  it('listings are reads too', async () => {
    assert.equal(await reads(() => docs.listDocuments()), 10);
    assert.equal(await reads(() => docs.doc('d1').listCollections()), 1);
  });
});
