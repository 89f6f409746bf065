import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Firestore, GeoPoint, Timestamp } from '@google-cloud/firestore';
import { startFirestore } from '../../../local/firestore/index.ts';
import { OffsetClock } from '../../../local/shared/clock.ts';
import { Faults } from '../../../local/shared/faults.ts';
import { describeLocal, projectId, useLocalFirestore } from './harness.ts';

describeLocal('Firestore snapshots', () => {
  const connection = useLocalFirestore();
  const hourMs = 3_600_000;
  let directory = '';

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'firestore-snapshot-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  /** Runs `work` against another Firestore that begins with the directory's snapshot. */
  async function restarted<T>(work: (db: Firestore) => Promise<T>): Promise<T> {
    const clock = new OffsetClock();
    const local = await startFirestore({ port: 0, clock, faults: new Faults(clock) });
    const db = new Firestore({ projectId, host: `127.0.0.1:${local.port}`, ssl: false });
    try {
      await local.importState(directory);
      return await work(db);
    } finally {
      await db.terminate();
      await local.close();
    }
  }

  it('bring documents back with all their values and times, below each other and in any database', async () => {
    const { db, local, collection } = connection();
    const docs = collection();
    const values = {
      nothing: null,
      yes: true,
      integer: 7,
      double: 0.5,
      nan: Number.NaN,
      text: 'ä𝄞',
      bytes: Buffer.from([0, 255]),
      at: new Timestamp(7, 1000),
      place: new GeoPoint(1, 2),
      list: [1, 'a', { b: [2] }],
      map: { 'a.b': {} },
      other: docs.doc('child'),
    };
    await docs.doc('a').set({ old: 1 });
    await docs.doc('a').set(values);
    await docs.doc('a').collection('sub').doc('b').set({});
    await docs.doc('gone').set({});
    await docs.doc('gone').delete();
    const before = await docs.doc('a').get();
    await local.exportState(directory);

    await restarted(async (again) => {
      const after = await again.doc(before.ref.path).get();
      const { other, ...plain } = after.data() ?? {};
      const { other: _, ...expected } = values;
      assert.deepEqual(plain, expected);
      assert.equal(other.path, `${docs.path}/child`);
      assert.ok(before.createTime?.isEqual(after.createTime ?? Timestamp.now()));
      assert.ok(before.updateTime?.isEqual(after.updateTime ?? Timestamp.now()));
      assert.ok((await after.ref.collection('sub').doc('b').get()).exists);
      assert.equal((await again.collection(docs.path).get()).size, 1);
      await after.ref.update({ yes: false }, { lastUpdateTime: before.updateTime ?? Timestamp.now() });
    });
    assert.ok((await db.doc(before.ref.path).get()).get('yes'));
  });

  it('hold one moment, whatever is written meanwhile', async () => {
    const { db, local, collection } = connection();
    const docs = collection();
    const write = (n: number) => {
      const batch = db.batch();
      for (let i = 0; i < 200; i++) batch.set(docs.doc(`d${i}`), { n });
      return batch.commit();
    };
    await write(1);
    const exported = local.exportState(directory);
    await Promise.all([write(2), exported]);
    const seen = await restarted((again) => again.collection(docs.path).get());
    assert.deepEqual(
      seen.docs.map((doc) => doc.get('n')),
      Array.from({ length: 200 }, () => 1),
    );
  });

  it('of a clock that was ahead: what is written next is later still', async () => {
    const { local, clock, collection } = connection();
    clock.setOffsetMs(clock.offsetMs() + hourMs);
    const ref = collection().doc('a');
    const { writeTime } = await ref.set({});
    await local.exportState(directory);
    const next = await restarted((again) => again.doc(ref.path).set({ n: 1 }));
    assert.ok(next.writeTime.valueOf() > writeTime.valueOf());
  });

  it('replace the one before, and leave nothing else behind', async () => {
    const { local, collection } = connection();
    const ref = collection().doc('a');
    await ref.set({ n: 1 });
    await local.exportState(directory);
    await ref.set({ n: 2 });
    await local.exportState(directory);
    assert.equal((await readdir(directory)).length, 1);
    assert.equal(await restarted(async (again) => (await again.doc(ref.path).get()).get('n')), 2);
  });

  it('that are not there are an empty database', async () => {
    assert.deepEqual(await restarted((again) => again.listCollections()), []);
    await rm(directory, { recursive: true });
    assert.deepEqual(await restarted((again) => again.listCollections()), []);
    await connection().local.exportState(directory);
  });

  it('that are broken are named', async () => {
    const { local, collection } = connection();
    await collection()
      .doc('a')
      .set({ text: 'x'.repeat(1000) });
    await local.exportState(directory);
    const [name = ''] = await readdir(directory);
    const file = join(directory, name);
    const whole = await readFile(file);
    const broken = [
      whole.subarray(0, whole.length - 1),
      whole.subarray(0, 5),
      Buffer.from('{"documents": "of something else"}'),
      Buffer.concat([whole, Buffer.from([0, 0, 0, 2, 255, 255])]),
    ];
    for (const bytes of broken) {
      await writeFile(file, bytes);
      await assert.rejects(
        restarted(async () => {}),
        (error: Error) => error.name === 'SnapshotError' && error.message.includes(file),
      );
    }
  });
});
