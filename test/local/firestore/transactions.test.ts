import assert from 'node:assert/strict';
import type { DocumentReference } from '@google-cloud/firestore';
import { code, codeOf, useFirestore } from './harness.ts';

describe('Firestore transactions', () => {
  const connection = useFirestore();
  const fresh = (id = 'x') => connection().collection().doc(id);

  const increment = (ref: DocumentReference) =>
    connection().db.runTransaction(async (tx) => {
      const doc = await tx.get(ref);
      tx.set(ref, { n: (doc.get('n') ?? 0) + 1 });
    });

  it('200 concurrent increments of one document end at 200', async () => {
    const ref = fresh();
    await Promise.all(Array.from({ length: 200 }, () => increment(ref)));
    assert.equal((await ref.get()).get('n'), 200);
  });

  for (const kind of ['plain', 'batched', 'bulk'] as const) {
    it(`a ${kind} write waits for the transaction that read the document`, async () => {
      const { db } = connection();
      const ref = fresh();
      await ref.set({ by: 'nobody' });
      let attempts = 0;
      let writing: Promise<unknown> = Promise.resolve();
      const write = () => {
        if (kind === 'plain') return ref.set({ by: 'write' });
        if (kind === 'batched') return db.batch().set(ref, { by: 'write' }).set(fresh(), {}).commit();
        const bulk = db.bulkWriter();
        const done = bulk.set(ref, { by: 'write' });
        return Promise.all([done, bulk.close()]);
      };
      await db.runTransaction(async (tx) => {
        attempts++;
        await tx.get(ref);
        writing = write();
        // The write is on its way before these reads: they are answered after it arrived.
        for (let i = 0; i < 5; i++) await tx.get(fresh());
        tx.set(ref, { by: 'transaction' });
      });
      await writing;
      assert.equal((await ref.get()).get('by'), 'write');
      assert.equal(attempts, 1);
    });
  }

  it('a write to another document does not wait', async () => {
    const { db } = connection();
    const [locked, other] = [fresh(), fresh()];
    await db.runTransaction(async (tx) => {
      await tx.get(locked);
      await other.set({ a: 1 });
      tx.set(locked, {});
    });
    assert.ok((await other.get()).exists);
  });

  it('reads outside of transactions never wait', async () => {
    const { db } = connection();
    const ref = fresh();
    await ref.set({ a: 1 });
    await db.runTransaction(async (tx) => {
      await tx.get(ref);
      tx.set(ref, { a: 2 });
      assert.equal((await ref.get()).get('a'), 1);
      assert.equal((await ref.parent.get()).docs[0]?.get('a'), 1);
    });
    assert.equal((await ref.get()).get('a'), 2);
  });

  it('a lock on a missing document keeps others from making it', async () => {
    const { db } = connection();
    const ref = fresh();
    let creating: Promise<number | undefined> = Promise.resolve(undefined);
    await db.runTransaction(async (tx) => {
      await tx.get(ref);
      creating = codeOf(ref.create({ by: 'other' }));
      await tx.get(fresh());
      tx.create(ref, { by: 'transaction' });
    });
    assert.equal(await creating, code.alreadyExists);
    assert.equal((await ref.get()).get('by'), 'transaction');
  });

  it('a query locks its results, and what newly matches aborts the transaction', async () => {
    const { db, collection } = connection();
    const docs = collection();
    await docs.doc('a').set({ open: true });
    let attempts = 0;
    let late: Promise<unknown> = Promise.resolve();
    await db.runTransaction(async (tx) => {
      attempts++;
      const { size } = await tx.get(docs.where('open', '==', true));
      if (attempts === 1) {
        late = docs.doc('a').update({ late: true });
        await docs.doc('b').set({ open: true });
      }
      tx.set(docs.doc('count'), { size });
    });
    await late;
    assert.equal(attempts, 2);
    assert.equal((await docs.doc('count').get()).get('size'), 2);
    assert.equal((await docs.doc('a').get()).get('late'), true);
  });

  it('what fails in the callback writes nothing and frees its locks', async () => {
    const { db } = connection();
    const ref = fresh();
    const failing = db.runTransaction(async (tx) => {
      await tx.get(ref);
      tx.set(ref, {});
      throw new Error('on purpose');
    });
    await assert.rejects(failing, /on purpose/);
    await ref.create({ after: true });
    assert.deepEqual((await ref.get()).data(), { after: true });
  });

  it('a precondition that fails ends the transaction without a trace', async () => {
    const { db, collection } = connection();
    const docs = collection();
    const failing = db.runTransaction(async (tx) => {
      await tx.get(docs.doc('a'));
      tx.set(docs.doc('a'), {});
      tx.update(docs.doc('missing'), { a: 1 });
    });
    assert.equal(await codeOf(failing), code.notFound);
    assert.equal((await docs.get()).size, 0);
    await docs.doc('a').set({});
  });

  it('a read-only transaction sees one moment and locks nothing', async () => {
    const { db, collection } = connection();
    const docs = collection();
    await docs.doc('a').set({ v: 1 });
    const seen = await db.runTransaction(
      async (tx) => {
        const first = await tx.get(docs.doc('a'));
        await docs.doc('a').set({ v: 2 });
        await docs.doc('b').set({ v: 2 });
        const again = await tx.get(docs.doc('a'));
        const all = await tx.get(docs);
        return [first.get('v'), again.get('v'), all.size];
      },
      { readOnly: true },
    );
    assert.deepEqual(seen, [1, 1, 1]);
  });
});
