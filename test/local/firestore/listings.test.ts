import assert from 'node:assert/strict';
import { database, useFirestore } from './harness.ts';

describe('Firestore listings', () => {
  const connection = useFirestore();

  it('lists the collections below a document that hold documents', async () => {
    const { db, collection } = connection();
    const parent = collection().doc('p');
    for (const id of ['b', 'a', 'gone']) await parent.collection(id).doc('x').set({});
    await parent.collection('c').doc('x').collection('deep').doc('y').set({});
    await parent.collection('gone').doc('x').delete();
    const ids = (await parent.listCollections()).map(({ id }) => id);
    assert.deepEqual(ids, ['a', 'b', 'c']);
    const root = (await db.listCollections()).map(({ id }) => id);
    assert.ok(root.includes(parent.parent.id));
    assert.ok(!root.includes('deep'));
  });

  it('lists documents, and names that only have something below them', async () => {
    const docs = connection().collection();
    await docs.doc('b').set({});
    await docs.doc('a').collection('sub').doc('x').set({});
    await docs.doc('gone').set({});
    await docs.doc('gone').delete();
    const listed = await docs.listDocuments();
    assert.deepEqual(
      listed.map(({ id }) => id),
      ['a', 'b'],
    );
  });

  it('goes by pages', async () => {
    const { db, raw, collection } = connection();
    const docs = collection();
    const batch = db.batch();
    for (const id of ['a', 'b', 'c', 'd', 'e']) batch.set(docs.doc(id), { v: 1, w: 1 });
    await batch.commit();
    const pages = [];
    let pageToken = '';
    do {
      const request = { parent: `${database}/documents`, collectionId: docs.id, pageSize: 2, pageToken };
      const [, , response] = await raw.listDocuments(
        { ...request, mask: { fieldPaths: ['v'] } },
        { autoPaginate: false },
      );
      const documents = response?.documents ?? [];
      pages.push(documents.map(({ name, fields }) => `${name?.at(-1)}:${Object.keys(fields ?? {})}`));
      pageToken = response?.nextPageToken ?? '';
    } while (pageToken !== '');
    assert.deepEqual(pages, [['a:v', 'b:v'], ['c:v', 'd:v'], ['e:v']]);
  });
});
