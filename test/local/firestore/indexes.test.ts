import assert from 'node:assert/strict';
import {
  type CollectionReference,
  FieldPath,
  type OrderByDirection,
  type Query,
} from '@google-cloud/firestore';
import { describeLocal, useLocalFirestore } from './harness.ts';

interface Task {
  shard: number;
  at: number;
  state: string;
  rank?: number;
}

const taskOf = (i: number): Task => ({
  shard: i % 8,
  at: (i * 7919) % 3000,
  state: ['open', 'done', 'lost'][i % 3] ?? '',
  ...(i % 5 > 0 && { rank: i % 11 }),
});

describeLocal('Firestore queries over many documents', () => {
  const connection = useLocalFirestore();
  const tasks = new Map<string, Task>();
  let docs: CollectionReference;

  async function write(changes: ReadonlyMap<string, Task | undefined>): Promise<void> {
    const batch = connection().db.batch();
    for (const [id, task] of changes) {
      if (task === undefined) {
        tasks.delete(id);
        batch.delete(docs.doc(id));
      } else {
        tasks.set(id, task);
        batch.set(docs.doc(id), { ...task });
      }
    }
    await batch.commit();
  }

  before(async () => {
    docs = connection().collection();
    await write(new Map(Array.from({ length: 3000 }, (_, i) => [`t${i}`, taskOf(i)])));
  });

  /** The expected result of a query, worked out in the plainest way. */
  function expected(
    matches: (task: Task) => boolean,
    by: keyof Task | undefined,
    direction: OrderByDirection,
  ) {
    const sign = direction === 'asc' ? 1 : -1;
    const byName = (a: string, b: string) => (a < b ? -sign : sign);
    const found = [...tasks].filter(
      ([, task]) => matches(task) && (by === undefined || task[by] !== undefined),
    );
    found.sort(([a, x], [b, y]) => {
      const [left, right] = by === undefined ? [0, 0] : [Number(x[by]), Number(y[by])];
      return (left - right) * sign || byName(a, b);
    });
    return found.map(([id]) => id);
  }

  async function agree(query: Query, ids: readonly string[]): Promise<void> {
    const found = (await query.get()).docs.map(({ id }) => id);
    assert.deepEqual(found, ids);
  }

  async function checkAll(): Promise<void> {
    await agree(
      docs,
      expected(() => true, undefined, 'asc'),
    );
    await agree(
      docs.orderBy(FieldPath.documentId(), 'desc'),
      expected(() => true, undefined, 'desc'),
    );
    for (const direction of ['asc', 'desc'] as const) {
      await agree(
        docs.orderBy('rank', direction),
        expected(() => true, 'rank', direction),
      );
      await agree(
        docs.where('shard', '==', 3).where('at', '>', 700).where('at', '<=', 2100).orderBy('at', direction),
        expected((task) => task.shard === 3 && task.at > 700 && task.at <= 2100, 'at', direction),
      );
      await agree(
        docs.where('shard', 'in', [6, 1, 6]).where('state', 'in', ['open', 'lost']).orderBy('at', direction),
        expected((task) => [1, 6].includes(task.shard) && task.state !== 'done', 'at', direction),
      );
    }
    await agree(
      docs.where('rank', '>=', 4).where('at', '<', 900).orderBy('rank'),
      expected((task) => (task.rank ?? 0) >= 4 && task.at < 900, 'rank', 'asc').sort((a, b) => {
        const [x, y] = [tasks.get(a), tasks.get(b)];
        return (x?.rank ?? 0) - (y?.rank ?? 0) || (x?.at ?? 0) - (y?.at ?? 0) || (a < b ? -1 : 1);
      }),
    );
    await agree(
      docs.where('state', '==', 'lost'),
      expected((task) => task.state === 'lost', undefined, 'asc'),
    );
  }

  it('agree with going over all of them, before and after changes', async () => {
    await checkAll();
    const changes = new Map<string, Task | undefined>();
    for (let i = 0; i < 3000; i += 3) changes.set(`t${i}`, i % 2 === 0 ? undefined : taskOf(i + 17));
    for (let i = 0; i < 700; i++) changes.set(`n${i}`, taskOf(i * 3));
    await write(changes);
    await checkAll();
  });

  it('read in proportion to their limit, page by page', async () => {
    const { local } = connection();
    const feed = docs.where('shard', 'in', [0, 1, 2, 3]).where('at', '>=', 1000).orderBy('at').limit(50);
    const matching = expected((task) => task.shard < 4 && task.at >= 1000, 'at', 'asc');
    await feed.get();
    for (let page = 0, query: Query = feed; page < 5; page++) {
      const before = local.entriesExamined();
      const { docs: found } = await query.get();
      assert.ok(local.entriesExamined() - before <= 60, `page ${page}`);
      assert.deepEqual(
        found.map(({ id }) => id),
        matching.slice(page * 50, (page + 1) * 50),
      );
      query = feed.startAfter(found.at(-1));
    }
  });

  it('do not go over the others to find a few', async () => {
    const { db, local, collection } = connection();
    const many = collection();
    const batch = db.batch();
    for (let i = 0; i < 2000; i++) batch.set(many.doc(`d${i}`), { i, state: i === 1234 ? 'rare' : 'usual' });
    await batch.commit();
    const examined = async (query: Query) => {
      await query.get();
      const before = local.entriesExamined();
      await query.get();
      return local.entriesExamined() - before;
    };
    assert.equal(await examined(many.where('state', '==', 'rare')), 1);
    assert.equal(await examined(many.where('state', '==', 'rare').orderBy('i', 'desc')), 1);
    assert.equal(await examined(many.orderBy('i').limitToLast(5)), 5);
    assert.equal(await examined(many.where('i', '>', 1990)), 9);
    assert.equal(await examined(many.where(FieldPath.documentId(), 'in', ['d5', 'd7'])), 2);
    assert.equal(await examined(db.collectionGroup(many.id).where('i', '<', 3)), 3);
  });

  it('a read in the past does not see what indexes hold now', async () => {
    const query = docs.where('shard', '==', 5).orderBy('at').limit(3);
    const { docs: found, readTime } = await query.get();
    const [first] = found;
    assert.ok(first !== undefined);
    await first.ref.update({ shard: 6 });
    const ids = (snapshots: readonly { id: string }[]) => snapshots.map(({ id }) => id);
    const then = await connection().db.runTransaction((tx) => tx.get(query), { readOnly: true, readTime });
    assert.deepEqual(ids(then.docs), ids(found));
    assert.notDeepEqual(ids((await query.get()).docs), ids(found));
  });
});
