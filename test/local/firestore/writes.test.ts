import assert from 'node:assert/strict';
import { FieldPath, FieldValue } from '@google-cloud/firestore';
import { code, codeOf, useFirestore } from './harness.ts';

describe('Firestore writes', () => {
  const connection = useFirestore();
  const fresh = () => connection().collection().doc('x');

  describe('preconditions', () => {
    it('create refuses a document that is there', async () => {
      const ref = fresh();
      await ref.create({ a: 1 });
      assert.equal(await codeOf(ref.create({ a: 2 })), code.alreadyExists);
      assert.deepEqual((await ref.get()).data(), { a: 1 });
    });

    it('update refuses a document that is not', async () => {
      const ref = fresh();
      assert.equal(await codeOf(ref.update({ a: 1 })), code.notFound);
      assert.equal((await ref.get()).exists, false);
    });

    it("an update time must be the document's", async () => {
      const ref = fresh();
      const first = await ref.set({ a: 1 });
      const second = await ref.set({ a: 2 });
      const stale = { lastUpdateTime: first.writeTime };
      assert.equal(await codeOf(ref.update({ a: 3 }, stale)), code.failedPrecondition);
      assert.equal(await codeOf(ref.delete(stale)), code.failedPrecondition);
      await ref.update({ a: 3 }, { lastUpdateTime: second.writeTime });
      assert.equal((await ref.get()).get('a'), 3);
    });

    it('an update time on a missing document fails', async () => {
      const ref = fresh();
      const { writeTime } = await ref.set({});
      await ref.delete();
      const result = await codeOf(ref.update({ a: 1 }, { lastUpdateTime: writeTime }));
      assert.ok(result === code.notFound || result === code.failedPrecondition, String(result));
    });

    it('deleting what must exist fails when it does not', async () => {
      const ref = fresh();
      assert.equal(await codeOf(ref.delete({ exists: true })), code.notFound);
      await ref.delete();
    });
  });

  describe('a commit', () => {
    it('is all or nothing', async () => {
      const { db, collection } = connection();
      const docs = collection();
      await docs.doc('taken').set({ kept: true });
      const batch = db
        .batch()
        .set(docs.doc('new'), {})
        .create(docs.doc('taken'), {})
        .delete(docs.doc('taken'));
      assert.equal(await codeOf(batch.commit()), code.alreadyExists);
      const left = await docs.get();
      assert.deepEqual(
        left.docs.map((doc) => [doc.id, doc.data()]),
        [['taken', { kept: true }]],
      );
    });

    it('applies several writes to one document in order', async () => {
      const ref = fresh();
      const { db } = connection();
      await db
        .batch()
        .create(ref, { a: 1, b: 1 })
        .update(ref, { a: 2 })
        .update(ref, { a: FieldValue.increment(5), c: 1 })
        .commit();
      assert.deepEqual((await ref.get()).data(), { a: 7, b: 1, c: 1 });
    });

    it('gives all its documents one time, later than the commit before', async () => {
      const { db, collection } = connection();
      const docs = collection();
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          db
            .batch()
            .set(docs.doc(`a${i}`), {})
            .set(docs.doc(`b${i}`), {})
            .commit(),
        ),
      );
      const times = results.map(([a, b]) => {
        assert.ok(a !== undefined && b !== undefined && a.writeTime.isEqual(b.writeTime));
        return a.writeTime.valueOf();
      });
      assert.equal(new Set(times).size, results.length);
    });
  });

  it('set replaces; merge and update keep what they do not name', async () => {
    const ref = fresh();
    await ref.set({ a: { x: 1, y: 1 }, b: 1, 'c.d': 1 });
    await ref.set({ a: { x: 2 }, e: {} }, { merge: true });
    assert.deepEqual((await ref.get()).data(), { a: { x: 2, y: 1 }, b: 1, 'c.d': 1, e: {} });
    await ref.update({ 'a.y': FieldValue.delete(), b: { z: 1 } });
    await ref.update(new FieldPath('c.d'), 2, new FieldPath('new', 'deep'), 3);
    assert.deepEqual((await ref.get()).data(), {
      a: { x: 2 },
      b: { z: 1 },
      'c.d': 2,
      e: {},
      new: { deep: 3 },
    });
    await ref.set({ a: { y: 9 }, b: 'no' }, { mergeFields: ['a'] });
    assert.deepEqual((await ref.get()).get('a'), { y: 9 });
    assert.deepEqual((await ref.get()).get('b'), { z: 1 });
    await ref.set({ only: 1 });
    assert.deepEqual((await ref.get()).data(), { only: 1 });
  });

  it('merge creates a missing document, also an empty one', async () => {
    const ref = fresh();
    await ref.set({}, { merge: true });
    assert.deepEqual((await ref.get()).data(), {});
  });

  it('a write that changes nothing keeps the update time', async () => {
    const ref = fresh();
    const first = await ref.set({ a: 1, b: [Number.NaN, { c: -0 }] });
    const second = await ref.set({ a: 1, b: [Number.NaN, { c: -0 }] });
    assert.ok(second.writeTime.isEqual(first.writeTime));
    assert.ok((await ref.get()).updateTime?.isEqual(first.writeTime));
  });

  it('create time stays until the document is deleted and made again', async () => {
    const ref = fresh();
    await ref.set({ a: 1 });
    const first = (await ref.get()).createTime;
    await ref.set({ a: 2 });
    const second = await ref.get();
    assert.ok(first !== undefined && second.createTime?.isEqual(first));
    assert.ok((second.updateTime?.valueOf() ?? '') > first.valueOf());
    await ref.delete();
    await ref.set({ a: 2 });
    const third = await ref.get();
    assert.ok((third.createTime?.valueOf() ?? '') > first.valueOf());
  });

  describe('transforms', () => {
    it('add, also to what is missing or no number', async () => {
      const ref = fresh();
      const add = (by: number) => FieldValue.increment(by);
      await ref.set({ n: 1, f: 1, text: 'x' });
      await ref.update({ n: add(2), f: add(0.5), text: add(3), fresh: add(-1), 'deep.er': add(1) });
      assert.deepEqual((await ref.get()).data(), { n: 3, f: 1.5, text: 3, fresh: -1, deep: { er: 1 } });
    });

    it('add and remove elements of arrays', async () => {
      const ref = fresh();
      await ref.set({ list: [1, 'a', 1], text: 'x' });
      await ref.update({
        list: FieldValue.arrayUnion('b', 1, { k: 1 }, 'b'),
        text: FieldValue.arrayUnion(1),
        fresh: FieldValue.arrayRemove(1),
      });
      assert.deepEqual((await ref.get()).data(), { list: [1, 'a', 1, 'b', { k: 1 }], text: [1], fresh: [] });
      await ref.update({ list: FieldValue.arrayRemove(1, { k: 1 }) });
      assert.deepEqual((await ref.get()).get('list'), ['a', 'b']);
    });

    it('server time is the same in the whole commit and is the update time', async () => {
      const { db, collection } = connection();
      const docs = collection();
      const now = FieldValue.serverTimestamp();
      await db.batch().set(docs.doc('a'), { at: now, also: now }).set(docs.doc('b'), { at: now }).commit();
      const [a, b] = (await docs.get()).docs;
      assert.ok(a?.get('at').isEqual(a.get('also')));
      assert.ok(a?.get('at').isEqual(b?.get('at')));
      assert.ok(a?.get('at').isEqual(a.updateTime));
    });
  });
});
