import assert from 'node:assert/strict';
import { type CollectionReference, FieldValue, Firestore, type Query } from '@google-cloud/firestore';
import { codeOf, describeLocal, projectId, seededRandom, until, useLocalFirestore } from './harness.ts';
import { Traffic } from './traffic.ts';

describeLocal('What Firestore bills is what went over the wire', () => {
  const connection = useLocalFirestore();
  const traffic = new Traffic();
  let db: Firestore;
  let docs: CollectionReference;

  before(() => {
    db = new Firestore({
      projectId,
      host: `127.0.0.1:${connection().local.port}`,
      ssl: false,
      'grpc.callInvocationTransformer': traffic.transformer,
    });
  });
  after(() => db.terminate());

  beforeEach(async () => {
    docs = db.collection(connection().collection().path);
    const batch = db.batch();
    for (let i = 0; i < 20; i++) batch.set(docs.doc(`d${i}`), { i, n: 0 });
    await batch.commit();
    traffic.reset();
    connection().local.resetUsage();
  });

  function check(what: string): void {
    assert.deepEqual(connection().local.usage(), traffic.usage(), what);
  }

  it('the same for each kind of call', async () => {
    const bulk = db.bulkWriter();
    bulk.onWriteError(() => false);
    const each: Record<string, () => Promise<unknown>> = {
      get: () => db.getAll(docs.doc('d1'), docs.doc('none')),
      query: () => docs.orderBy('i').offset(3).limit(5).get(),
      'query without results': () => docs.where('i', '>', 99).get(),
      count: () => docs.count().get(),
      batch: () => db.batch().set(docs.doc('a'), {}).delete(docs.doc('b')).commit(),
      'failed batch': () => codeOf(db.batch().delete(docs.doc('d1')).create(docs.doc('d2'), {}).commit()),
      transform: () => docs.doc('d1').update({ n: FieldValue.increment(1) }),
      'bulk, one fails': async () => {
        const all = [
          bulk.create(docs.doc('d1'), {}),
          bulk.set(docs.doc('d2'), {}),
          bulk.delete(docs.doc('d3')),
        ];
        const settled = Promise.allSettled(all);
        await bulk.close();
        await settled;
      },
      'list documents': () => docs.listDocuments(),
      'list collections': () => docs.doc('d1').listCollections(),
      transaction: () =>
        db.runTransaction(async (tx) => {
          await tx.get(docs.where('i', '<', 3));
          await tx.get(docs.doc('d1'));
          tx.delete(docs.doc('d1'));
        }),
    };
    for (const [what, call] of Object.entries(each)) {
      await call();
      const { reads, writes, deletes } = traffic.usage();
      assert.ok(what.startsWith('failed') || reads + writes + deletes > 0, what);
      check(what);
    }
  });

  it('the same when transactions meet, are tried again, and fail', async () => {
    const random = seededRandom(3);
    const any = () => docs.doc(`d${Math.floor(random() * 4)}`);
    const work = Array.from({ length: 60 }, async (_, i) => {
      if (i % 5 === 0) return any().set({ n: i });
      if (i % 7 === 0) return codeOf(docs.doc('none').update({ n: 1 }));
      return db.runTransaction(async (tx) => {
        const [one, two] = [any(), any()];
        const n = (await tx.get(one)).get('n');
        await tx.get(two);
        tx.set(one, { n: n + 1 }).set(two, { n: n + 1 });
      });
    });
    await Promise.all(work);
    check('after all');
  });

  it('the same for listeners', async () => {
    const listen = async (query: Query, ...changes: (() => Promise<unknown>)[]) => {
      let snapshots = 0;
      const stop = query.onSnapshot(() => {
        snapshots++;
      });
      await until(() => snapshots === 1);
      for (const [i, change] of changes.entries()) {
        await change();
        await until(() => snapshots === i + 2);
      }
      stop();
    };
    await listen(docs.where('i', '>', 99));
    check('nothing there');
    await listen(
      docs.where('i', '<', 5),
      () => docs.doc('d1').update({ n: 1 }),
      () => docs.doc('d2').update({ i: 50 }),
      () => docs.doc('d3').delete(),
      () => docs.doc('new').set({ i: 1 }),
    );
    check('added, changed, left and deleted');
    assert.ok(traffic.usage().reads >= 1 + 5 + 3);
  });

  it('knows an answer that was counted wrong', async () => {
    await docs.doc('d1').get();
    connection().local.resetUsage();
    assert.throws(() => check('one read is missing'), assert.AssertionError);
  });
});
