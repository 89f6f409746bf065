import assert from 'node:assert/strict';
import type { Fault } from '../../../local/shared/faults.ts';
import { code, codeOf, database, describeLocal, until, useLocalFirestore } from './harness.ts';

describeLocal('Firestore faults', () => {
  const connection = useLocalFirestore();

  const fail = (fault: Partial<Fault>) =>
    connection().faults.add({
      service: 'firestore',
      // Not one that the clients repeat by themselves.
      code: code.aborted,
      rate: 1,
      forMs: 1000,
      phase: 'before',
      ...fault,
    });
  const commit = (path: string) =>
    connection().raw.commit({
      database,
      writes: [{ update: { name: `${database}/documents/${path}`, fields: {} } }],
    });
  const path = () => `${connection().collection().path}/x`;

  afterEach(() => connection().faults.clear());

  it('before: refused, nothing done, nothing billed', async () => {
    const { db, local } = connection();
    const doc = path();
    local.resetUsage();
    fail({ method: 'Commit' });
    assert.equal(await codeOf(commit(doc)), code.aborted);
    assert.deepEqual(local.usage(), { reads: 0, writes: 0, deletes: 0 });
    assert.equal((await db.doc(doc).get()).exists, false);
  });

  it('after: done and billed, but the answer is lost', async () => {
    const { db, local } = connection();
    const doc = path();
    local.resetUsage();
    fail({ method: 'Commit', phase: 'after' });
    assert.equal(await codeOf(commit(doc)), code.aborted);
    assert.deepEqual(local.usage(), { reads: 0, writes: 1, deletes: 0 });
    assert.equal((await db.doc(doc).get()).exists, true);
  });

  it('answer with the code they are given', async () => {
    fail({ method: 'BatchGetDocuments', code: code.resourceExhausted });
    assert.equal(await codeOf(connection().db.doc(path()).get()), code.resourceExhausted);
  });

  it('are survived by a client that repeats the call', async () => {
    const { db, clock, local } = connection();
    const doc = db.doc(path());
    local.resetUsage();
    fail({ method: 'Commit', code: code.unavailable, phase: 'after' });
    const setting = doc.set({ v: 1 });
    await until(() => local.usage().writes > 0);
    clock.setOffsetMs(clock.offsetMs() + 1000);
    await setting;
    assert.equal((await doc.get()).get('v'), 1);
  });

  it('after, in a transaction: committed, its locks are free, its id is spent', async () => {
    const { db, raw } = connection();
    const doc = path();
    const [{ transaction }] = await raw.beginTransaction({ database });
    const name = `${database}/documents/${doc}`;
    const request = { database, transaction: transaction ?? '', writes: [{ update: { name, fields: {} } }] };
    fail({ method: 'Commit', phase: 'after' });
    assert.equal(await codeOf(raw.commit(request)), code.aborted);
    connection().faults.clear();
    assert.equal(await codeOf(raw.commit(request)), code.invalidArgument);
    assert.equal((await db.doc(doc).get()).exists, true);
    await db.doc(doc).set({ free: true });
  });

  it('reach reads and streams', async () => {
    const { db } = connection();
    const doc = db.doc(path());
    fail({});
    assert.equal(await codeOf(doc.get()), code.aborted);
    assert.equal(await codeOf(doc.parent.get()), code.aborted);
    assert.equal(await codeOf(doc.parent.count().get()), code.aborted);
  });

  it('after, on a read: billed, and nothing of the answer arrives', async () => {
    const { db, local } = connection();
    const doc = db.doc(path());
    local.resetUsage();
    fail({ method: 'BatchGetDocuments', phase: 'after' });
    assert.equal(await codeOf(doc.get()), code.aborted);
    assert.deepEqual(local.usage(), { reads: 1, writes: 0, deletes: 0 });
  });

  it('end with their time, and hit only their method', async () => {
    const { clock } = connection();
    fail({ method: 'BatchWrite' });
    assert.equal(await codeOf(commit(path())), undefined);
    fail({ method: 'Commit' });
    assert.equal(await codeOf(commit(path())), code.aborted);
    clock.setOffsetMs(clock.offsetMs() + 1000);
    assert.equal(await codeOf(commit(path())), undefined);
  });

  it('leave no call behind', async () => {
    const { db, local } = connection();
    fail({});
    await codeOf(db.doc(path()).get());
    await codeOf(commit(path()));
    assert.equal(local.inFlight(), 0);
  });
});
