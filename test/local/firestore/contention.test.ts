import assert from 'node:assert/strict';
import { type DocumentReference, FieldValue } from '@google-cloud/firestore';
import { describeLocal, seededRandom, useLocalFirestore } from './harness.ts';

const documents = 6;
const transactions = 960;
const plainWrites = 240;
const bulkWrites = 240;
/** A transaction that meets others is tried again: without a livelock, this often at most on average. */
const maxAttempts = 4;

describeLocal('Firestore under contention', () => {
  const connection = useLocalFirestore();

  it(`${transactions} transactions over ${documents} documents, with other writes beside them, end exact and soon`, async function () {
    this.timeout(120_000);
    const { db, collection } = connection();
    const docs = collection();
    const random = seededRandom(7);
    const expected = Array.from({ length: documents }, () => 0);
    /** Picks a document that will be counted up once. */
    const pick = (not?: number) => {
      let at = Math.floor(random() * documents);
      if (at === not) at = (at + 1) % documents;
      expected[at] = (expected[at] ?? 0) + 1;
      return at;
    };
    let attempts = 0;
    const ref = (at: number) => docs.doc(`d${at}`);
    const addToBoth = (first: DocumentReference, second: DocumentReference) =>
      db.runTransaction(async (tx) => {
        attempts++;
        const one = await tx.get(first);
        const two = await tx.get(second);
        tx.set(first, { n: (one.get('n') ?? 0) + 1 });
        tx.set(second, { n: (two.get('n') ?? 0) + 1 });
      });
    const addOne = { n: FieldValue.increment(1) };

    const bulk = db.bulkWriter();
    const work: Promise<unknown>[] = [];
    for (let i = 0; i < transactions; i++) {
      const first = pick();
      work.push(addToBoth(ref(first), ref(pick(first))));
      if (i < plainWrites) work.push(ref(pick()).set(addOne, { merge: true }));
      if (i < bulkWrites) work.push(bulk.set(ref(pick()), addOne, { merge: true }));
    }
    await Promise.all([...work, bulk.close()]);

    const counts = (await docs.get()).docs.map((doc) => doc.get('n'));
    assert.deepEqual(counts, expected);
    assert.ok(attempts <= maxAttempts * transactions, `${attempts} attempts`);
  });

  it('two transactions that have both read a document before either writes it make three attempts', async () => {
    const { db, collection } = connection();
    const ref = collection().doc('x');
    let attempts = 0;
    const reads = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
    const write = (own: number, field: string) =>
      db.runTransaction(async (tx) => {
        attempts++;
        await tx.get(ref);
        reads[own]?.resolve();
        await Promise.all(reads.map(({ promise }) => promise));
        tx.set(ref, { [field]: true }, { merge: true });
      });
    await Promise.all([write(0, 'a'), write(1, 'b')]);
    assert.deepEqual((await ref.get()).data(), { a: true, b: true });
    assert.equal(attempts, 3);
  });
});
