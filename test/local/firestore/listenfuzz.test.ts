import assert from 'node:assert/strict';
import type { CollectionReference, Query, QuerySnapshot } from '@google-cloud/firestore';
import { seededRandom, until, useFirestore } from './harness.ts';

describe('Firestore listeners beside random writes', () => {
  const connection = useFirestore();

  const queries: Record<string, (docs: CollectionReference) => Query> = {
    all: (docs) => docs,
    range: (docs) => docs.where('n', '>', 4),
    order: (docs) => docs.orderBy('n', 'desc'),
    first: (docs) => docs.orderBy('n').limit(3),
    last: (docs) => docs.orderBy('n').limitToLast(3),
    page: (docs) => docs.orderBy('n').startAfter(2).limit(4),
    skipped: (docs) => docs.orderBy('n').offset(2).limit(2),
    either: (docs) => docs.where('s', 'in', ['a', 'b']).where('n', '<', 7).orderBy('n'),
    elements: (docs) => docs.where('tags', 'array-contains', 1),
  };

  const stateOf = ({ docs }: QuerySnapshot) => docs.map((doc) => [doc.id, doc.data()]);

  it('hold in the end what a query returns, each change told once', async () => {
    const { db, collection } = connection();
    const docs = collection();
    const random = seededRandom(9);
    const below = (limit: number) => Math.floor(random() * limit);
    const seen = new Map<string, QuerySnapshot>();
    const rebuilt = new Map<string, Set<string>>();
    const stops = Object.entries(queries).map(([name, query]) =>
      query(docs).onSnapshot((snapshot) => {
        seen.set(name, snapshot);
        const ids = rebuilt.get(name) ?? new Set();
        rebuilt.set(name, ids);
        for (const { type, doc } of snapshot.docChanges()) {
          if (type === 'removed') assert.ok(ids.delete(doc.id), `${name}: ${doc.id} was not there`);
          else if (type === 'added') ids.add(doc.id);
          else assert.ok(ids.has(doc.id), `${name}: ${doc.id} changed before it came`);
        }
      }),
    );
    await until(() => seen.size === stops.length);
    for (let round = 0; round < 80; round++) {
      const batch = db.batch();
      for (let write = 0; write <= below(4); write++) {
        const ref = docs.doc(`d${below(12)}`);
        if (below(4) === 0) batch.delete(ref);
        else
          batch.set(ref, {
            ...(below(5) > 0 && { n: below(10) }),
            s: 'abc'[below(3)],
            tags: [below(3), below(3)],
          });
      }
      await batch.commit();
    }
    for (const [name, query] of Object.entries(queries)) {
      const expected = stateOf(await query(docs).get());
      await until(
        () => JSON.stringify(stateOf(seen.get(name) as QuerySnapshot)) === JSON.stringify(expected),
      );
      assert.deepEqual([...(rebuilt.get(name) ?? [])].sort(), expected.map(([id]) => id).sort(), name);
    }
    for (const stop of stops) stop();
  });
});
