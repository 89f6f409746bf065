import assert from 'node:assert/strict';
import { AggregateField } from '@google-cloud/firestore';
import { code, codeOf, describeLocal, useFirestore, useLocalFirestore } from './harness.ts';

describeLocal('Firestore queries that are asked to explain themselves', () => {
  const connection = useLocalFirestore();

  it('are refused and cost nothing', async () => {
    const { local, collection } = connection();
    const docs = collection();
    await docs.doc('a').set({ n: 1 });
    const found = docs.where('n', '==', 1);
    local.resetUsage();
    for (const analyze of [false, true]) {
      assert.equal(await codeOf(found.explain({ analyze })), code.unimplemented);
      assert.equal(await codeOf(found.count().explain({ analyze })), code.unimplemented);
    }
    assert.equal(local.usage().reads, 0);
  });
});

describe('Firestore aggregations', () => {
  const connection = useFirestore();

  it('are at most five, whatever indexes there are', async () => {
    const docs = connection().collection();
    await docs.doc('a').set({ f1: 1 });
    const counts = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`n${i}`, AggregateField.count()]));
    const sums = Object.fromEntries(
      Array.from({ length: 6 }, (_, i) => [`n${i}`, AggregateField.sum(`f${i}`)]),
    );
    assert.equal((await docs.aggregate(counts(5)).get()).data()['n4'], 1);
    for (const six of [counts(6), sums]) {
      await assert.rejects(docs.aggregate(six).get(), {
        code: code.invalidArgument,
        message: /maximum number of aggregations/,
      });
    }
  });
});
