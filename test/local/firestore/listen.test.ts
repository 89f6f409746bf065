import assert from 'node:assert/strict';
import type { DocumentSnapshot, Query, QuerySnapshot } from '@google-cloud/firestore';
import { code, database, describeLocal, useFirestore, useLocalFirestore } from './harness.ts';

/** Snapshots in the order they come, to be awaited one by one. */
class Snapshots<T> {
  readonly #come: T[] = [];
  #wanted: PromiseWithResolvers<T> | undefined;

  push(snapshot: T): void {
    if (this.#wanted === undefined) this.#come.push(snapshot);
    else this.#wanted.resolve(snapshot);
    this.#wanted = undefined;
  }

  fail(error: unknown): void {
    this.#wanted?.reject(error);
  }

  next(): Promise<T> {
    const snapshot = this.#come.shift();
    if (snapshot !== undefined) return Promise.resolve(snapshot);
    this.#wanted = Promise.withResolvers<T>();
    return this.#wanted.promise;
  }
}

function watch(query: Query) {
  const snapshots = new Snapshots<QuerySnapshot>();
  const stop = query.onSnapshot(
    (snapshot) => snapshots.push(snapshot),
    (error) => snapshots.fail(error),
  );
  const next = async () => {
    const snapshot = await snapshots.next();
    return {
      ids: snapshot.docs.map(({ id }) => id).join(' '),
      changes: snapshot.docChanges().map(({ type, doc }) => `${type} ${doc.id}`),
    };
  };
  return { next, stop };
}

describe('Firestore listeners', () => {
  const connection = useFirestore();

  it('follow a query', async () => {
    const docs = connection().collection();
    await docs.doc('a').set({ v: 2 });
    await docs.doc('out').set({ v: 0 });
    const { next, stop } = watch(docs.where('v', '>', 1));
    assert.deepEqual(await next(), { ids: 'a', changes: ['added a'] });
    await docs.doc('b').set({ v: 3 });
    assert.deepEqual(await next(), { ids: 'a b', changes: ['added b'] });
    await docs.doc('out').set({ v: 1 });
    await docs.doc('a').update({ w: 1 });
    assert.deepEqual(await next(), { ids: 'a b', changes: ['modified a'] });
    await docs.doc('a').update({ v: 1 });
    assert.deepEqual(await next(), { ids: 'b', changes: ['removed a'] });
    await docs.doc('b').delete();
    assert.deepEqual(await next(), { ids: '', changes: ['removed b'] });
    stop();
  });

  it('follow a query with a limit, as documents move in and out', async () => {
    const docs = connection().collection();
    for (const [id, v] of Object.entries({ a: 1, b: 2, c: 3 })) await docs.doc(id).set({ v });
    const { next, stop } = watch(docs.orderBy('v').limit(2));
    assert.equal((await next()).ids, 'a b');
    await docs.doc('a').delete();
    assert.deepEqual(await next(), { ids: 'b c', changes: ['removed a', 'added c'] });
    await docs.doc('new').set({ v: 0 });
    assert.deepEqual(await next(), { ids: 'new b', changes: ['removed c', 'added new'] });
    stop();
  });

  it('see a commit of several documents as one', async () => {
    const { db, collection } = connection();
    const docs = collection();
    const { next, stop } = watch(docs);
    assert.equal((await next()).ids, '');
    await db.batch().set(docs.doc('a'), {}).set(docs.doc('b'), {}).commit();
    assert.equal((await next()).ids, 'a b');
    stop();
  });

  it('follow one document from before it exists until after', async () => {
    const ref = connection().collection().doc('x');
    const snapshots = new Snapshots<DocumentSnapshot>();
    const stop = ref.onSnapshot((snapshot) => snapshots.push(snapshot));
    assert.equal((await snapshots.next()).exists, false);
    await ref.set({ v: 1 });
    assert.deepEqual((await snapshots.next()).data(), { v: 1 });
    await ref.delete();
    assert.equal((await snapshots.next()).exists, false);
    stop();
  });
});

describeLocal('Firestore listeners, local', () => {
  const connection = useLocalFirestore();

  it('are billed for what is sent and for what left by a change, not for deletes', async () => {
    const { collection, local } = connection();
    const docs = collection();
    await docs.doc('a').set({ v: 2 });
    const { next, stop } = watch(docs.where('v', '>', 1));
    local.resetUsage();
    const readsFor = async (work: () => Promise<unknown>) => {
      const before = local.usage().reads;
      await work();
      await next();
      return local.usage().reads - before;
    };
    await next();
    assert.equal(await readsFor(() => docs.doc('b').set({ v: 3 })), 1);
    assert.equal(await readsFor(() => docs.doc('b').set({ v: 4 })), 1);
    assert.equal(await readsFor(() => docs.doc('b').set({ v: 0 })), 1);
    assert.equal(await readsFor(() => docs.doc('a').delete()), 0);
    stop();
  });

  it('are told why a target is refused', async () => {
    const stream = connection().raw.listen();
    const { promise, resolve } = Promise.withResolvers<{ targetChange: { cause: { code: number } } }>();
    stream.once('data', resolve);
    stream.write({
      database,
      addTarget: { targetId: 5, query: { parent: `${database}/documents`, structuredQuery: { from: [] } } },
    });
    const { targetChange } = await promise;
    assert.equal(targetChange.cause.code, code.invalidArgument);
    stream.end();
  });

  it('start again from scratch when they are resumed', async () => {
    const { raw, collection } = connection();
    const doc = collection().doc('x');
    await doc.set({});
    const stream = raw.listen();
    const seen: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    stream.on('data', ({ targetChange, documentChange }) => {
      if (documentChange) seen.push('document');
      else seen.push(String(targetChange.targetChangeType));
      if (targetChange?.targetChangeType === 'NO_CHANGE') resolve();
    });
    const documents = { documents: [`${database}/documents/${doc.path}`] };
    stream.write({ database, addTarget: { targetId: 5, documents, resumeToken: Buffer.from('old') } });
    await promise;
    assert.deepEqual(seen, ['ADD', 'RESET', 'document', 'CURRENT', 'NO_CHANGE']);
    stream.end();
  });
});
