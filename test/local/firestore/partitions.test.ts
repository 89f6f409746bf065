import assert from 'node:assert/strict';
import { code, codeOf, database, useFirestore } from './harness.ts';

describe('Firestore partitions of a collection group', () => {
  const connection = useFirestore();

  it('together hold each document once', async () => {
    const { db, collection } = connection();
    const docs = collection();
    const batch = db.batch();
    for (let i = 0; i < 100; i++) {
      batch.set(
        i % 2 === 0
          ? docs.doc(`d${i}`)
          : db
              .doc(`parents/p${i % 7}`)
              .collection(docs.id)
              .doc(`d${i}`),
        {
          i,
        },
      );
    }
    await batch.commit();
    const found: number[] = [];
    let parts = 0;
    for await (const partition of db.collectionGroup(docs.id).getPartitions(4)) {
      parts++;
      for (const doc of (await partition.toQuery().get()).docs) found.push(doc.get('i'));
    }
    assert.ok(parts >= 1 && parts <= 4, `${parts} parts`);
    assert.deepEqual(
      found.sort((a, b) => a - b),
      Array.from({ length: 100 }, (_, i) => i),
    );
  });

  it('of no documents are one', async () => {
    const { db, collection } = connection();
    let parts = 0;
    for await (const partition of db.collectionGroup(collection().id).getPartitions(3)) {
      parts++;
      assert.equal((await partition.toQuery().get()).size, 0);
    }
    assert.equal(parts, 1);
  });

  it('are for groups ordered by name only', async () => {
    const { raw, collection } = connection();
    const { id } = collection();
    const split = (query: object) =>
      codeOf(
        raw.partitionQuery({
          parent: `${database}/documents`,
          partitionCount: 2,
          structuredQuery: { from: [{ collectionId: id, allDescendants: true }], ...query },
        }),
      );
    const by = (fieldPath: string) => ({
      orderBy: [{ field: { fieldPath }, direction: 'ASCENDING' as const }],
    });
    assert.equal(await split(by('__name__')), undefined);
    assert.equal(await split(by('a')), code.invalidArgument);
    assert.equal(await split({ ...by('__name__'), limit: { value: 3 } }), code.invalidArgument);
    assert.equal(await split({ ...by('__name__'), from: [{ collectionId: id }] }), code.invalidArgument);
  });
});
