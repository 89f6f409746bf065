import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FieldValue, Timestamp } from '@google-cloud/firestore';
import { startFirestore } from '../../../local/firestore/index.ts';
import { IndexConfig } from '../../../local/firestore/indexconfig.ts';
import { describeLocal, until, useLocalFirestore } from './harness.ts';

const indexes = new IndexConfig({
  fieldOverrides: [
    { collectionGroup: 'tasks', fieldPath: 'expires_at', ttl: true, indexes: [] },
    { collectionGroup: 'nested', fieldPath: 'times.end', ttl: true, indexes: [] },
  ],
});

describeLocal('Firestore documents with a time to live', () => {
  const connection = useLocalFirestore({ indexes });
  const hourMs = 3_600_000;
  const dayMs = 24 * hourMs;
  const advance = (ms: number) => {
    const { clock } = connection();
    clock.setOffsetMs(clock.offsetMs() + ms);
  };
  const inMs = (ms: number) => Timestamp.fromMillis(connection().clock.now() + ms);
  const exists = async (path: string) => (await connection().db.doc(path).get()).exists;

  it('are deleted within a day after it, never before, and billed as deletes', async () => {
    const { db, local } = connection();
    await db.doc('tasks/a').set({ expires_at: inMs(10 * hourMs) });
    await db.doc('parent/p/tasks/b').set({ expires_at: inMs(40 * hourMs) });
    await db.doc('tasks/c').set({ expires_at: inMs(-hourMs) });
    local.resetUsage();
    advance(9 * hourMs);
    assert.deepEqual([await exists('tasks/a'), await exists('tasks/c')], [true, false]);
    advance(dayMs);
    assert.deepEqual([await exists('tasks/a'), await exists('parent/p/tasks/b')], [false, true]);
    advance(dayMs);
    assert.equal(await exists('parent/p/tasks/b'), false);
    assert.equal(local.usage().deletes, 3);
    assert.equal(local.usage().writes, 0);
  });

  it('stay when the time is taken away, moved or never was one, or the collection has no such policy', async () => {
    const { db } = connection();
    const soon = inMs(hourMs);
    await db.doc('tasks/removed').set({ expires_at: soon });
    await db.doc('tasks/removed').update({ expires_at: FieldValue.delete() });
    await db.doc('tasks/moved').set({ expires_at: soon });
    await db.doc('tasks/moved').set({ expires_at: inMs(9 * dayMs) });
    await db.doc('tasks/text').set({ expires_at: soon.toDate().toISOString() });
    await db.doc('others/a').set({ expires_at: soon });
    advance(3 * dayMs);
    for (const path of ['tasks/removed', 'tasks/moved', 'tasks/text', 'others/a']) {
      assert.ok(await exists(path), path);
    }
    advance(9 * dayMs);
    assert.equal(await exists('tasks/moved'), false);
  });

  it('may have the time in a map, and can be made again', async () => {
    const ref = connection().db.doc('nested/a');
    await ref.set({ times: { end: inMs(hourMs) } });
    advance(dayMs);
    assert.equal(await exists('nested/a'), false);
    await ref.set({ times: { end: inMs(hourMs) } });
    assert.ok(await exists('nested/a'));
    advance(dayMs);
    assert.equal(await exists('nested/a'), false);
  });

  it('wait for the transaction that has them, and stay when it gave them more time', async () => {
    const { db, clock } = connection();
    advance(hourMs - (clock.now() % hourMs) - 30_000);
    const refs = [db.doc('tasks/held'), db.doc('tasks/touched')] as const;
    for (const ref of refs) await ref.set({ expires_at: inMs(10_000) });
    await db.runTransaction(async (tx) => {
      await tx.getAll(...refs);
      advance(40_000);
      assert.ok(await exists('tasks/held'));
      tx.update(refs[0], { expires_at: inMs(9 * dayMs) });
    });
    assert.deepEqual([await exists('tasks/held'), await exists('tasks/touched')], [true, false]);
  });

  it('also after they came from a snapshot', async () => {
    const { db, clock, faults, local } = connection();
    await db.doc('tasks/kept').set({ expires_at: inMs(hourMs) });
    const directory = await mkdtemp(join(tmpdir(), 'firestore-ttl-'));
    await local.exportState(directory);
    const again = await startFirestore({ port: 0, clock, faults, indexes });
    try {
      await again.importState(directory);
      advance(dayMs);
      assert.ok(again.usage().deletes > 0);
    } finally {
      await again.close();
      await rm(directory, { recursive: true });
    }
  });

  it('are told to listeners', async () => {
    const { db } = connection();
    const ref = db.doc('tasks/watched');
    await ref.set({ expires_at: inMs(hourMs) });
    const seen: boolean[] = [];
    const stop = ref.onSnapshot((snapshot) => void seen.push(snapshot.exists));
    await until(() => seen.length === 1);
    advance(dayMs);
    await until(() => seen.length === 2);
    stop();
    assert.deepEqual(seen, [true, false]);
  });
});
