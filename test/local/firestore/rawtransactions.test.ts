import assert from 'node:assert/strict';
import { code, codeOf, database, describeLocal, until, useLocalFirestore } from './harness.ts';

describeLocal('Firestore transactions, below the client library', () => {
  const connection = useLocalFirestore();

  const nameOf = (path: string) => `${database}/documents/${path}`;
  const begin = async (retryTransaction?: Uint8Array) => {
    const options = { readWrite: retryTransaction === undefined ? {} : { retryTransaction } };
    const [{ transaction }] = await connection().raw.beginTransaction({ database, options });
    assert.ok(transaction instanceof Uint8Array);
    return transaction;
  };
  /** The names of the documents that there are. */
  const lock = async (transaction: Uint8Array, ...paths: string[]) => {
    const stream = connection().raw.batchGetDocuments({
      database,
      documents: paths.map(nameOf),
      transaction,
    });
    const there: string[] = [];
    for await (const { found } of stream) if (found) there.push(found.name);
    return there;
  };
  const set = (path: string, transaction?: Uint8Array) =>
    connection().raw.commit({
      database,
      writes: [{ update: { name: nameOf(path), fields: {} } }],
      ...(transaction && { transaction }),
    });
  const rollback = (transaction: Uint8Array) => connection().raw.rollback({ database, transaction });
  const someoneWaits = () => until(() => connection().clock.nextDueMs() !== undefined);
  const advance = (ms: number) => {
    const { clock } = connection();
    clock.setOffsetMs(clock.offsetMs() + ms);
  };
  const path = () => `${connection().collection().path}/x`;

  it('a client that dies in a transaction frees its locks after 60 s', async () => {
    const doc = path();
    const dead = await begin();
    await lock(dead, doc);
    let written = false;
    const write = set(doc).then(() => {
      written = true;
    });
    await someoneWaits();
    assert.equal(connection().local.inFlight(), 0, 'a call that waits for a lock is not worked on');
    advance(59_000);
    await begin();
    assert.equal(written, false);
    advance(1_000);
    await write;
    assert.equal(await codeOf(set(doc, dead)), code.invalidArgument);
  });

  it('no transaction outlives 270 s, however busy', async () => {
    const doc = path();
    const busy = await begin();
    for (let second = 0; second < 260; second += 50) {
      await lock(busy, doc);
      advance(50_000);
    }
    assert.equal(await codeOf(lock(busy, doc)), code.invalidArgument);
    await set(doc);
  });

  it('a deadlock aborts the younger transaction, and its next attempt is older than newer ones', async () => {
    const [a, b] = [path(), path()];
    const older = await begin();
    const younger = await begin();
    await lock(older, a);
    await lock(younger, b);
    const blocked = codeOf(set(b, older));
    await someoneWaits();
    assert.equal(await codeOf(set(a, younger)), code.aborted);
    assert.equal(await blocked, undefined);

    const newer = await begin();
    const again = await begin(younger);
    await lock(newer, a);
    await lock(again, b);
    const waits = codeOf(lock(newer, b));
    await someoneWaits();
    assert.equal(await codeOf(lock(again, a)), undefined);
    assert.equal(await waits, code.aborted);
    await rollback(again);
  });

  it('any number of transactions read a document at once, and a write waits for the last of them', async () => {
    const doc = path();
    const readers = await Promise.all(Array.from({ length: 5 }, () => begin()));
    await Promise.all(readers.map((reader) => lock(reader, doc)));
    let written = false;
    const write = set(doc).then(() => {
      written = true;
    });
    await someoneWaits();
    for (const reader of readers) {
      assert.equal(written, false);
      await set(path(), reader);
    }
    await write;
  });

  it('of those who read a document and write it, the oldest gets on and the others are aborted', async () => {
    const doc = path();
    const all = [await begin(), await begin(), await begin()];
    for (const each of all) await lock(each, doc);
    const [oldest = all, ...others] = all
      .reverse()
      .map((each) => codeOf(set(doc, each)))
      .reverse();
    assert.equal(await oldest, undefined);
    for (const other of others) assert.equal(await other, code.aborted);
  });

  it('a new reader waits behind a write that waits; one who reads already goes before it', async () => {
    const doc = path();
    const first = await begin();
    const second = await begin();
    await lock(first, doc);
    await lock(second, doc);
    const deletion = connection().raw.commit({ database, writes: [{ delete: nameOf(doc) }] });
    await someoneWaits();
    const late = await begin();
    const read = lock(late, doc);
    const upgrade = set(doc, first);
    await rollback(second);
    await Promise.all([upgrade, deletion]);
    assert.deepEqual(await read, []);
  });

  it('serves those who wait in the order of their arrival', async () => {
    const doc = path();
    const first = await begin();
    await lock(first, doc);
    const order: number[] = [];
    const writes = [];
    for (let i = 0; i < 20; i++) writes.push(set(doc).then(() => order.push(i)));
    await someoneWaits();
    await begin();
    await set(doc, first);
    await Promise.all(writes);
    assert.deepEqual(
      order,
      writes.map((_, i) => i),
    );
  });

  it('a batched write waits only for its own documents that are locked', async () => {
    const [locked, free] = [path(), path()];
    const transaction = await begin();
    await lock(transaction, locked);
    const writes = [locked, free].map((doc) => ({ update: { name: nameOf(doc), fields: {} } }));
    const batch = connection().raw.batchWrite({ database, writes });
    await someoneWaits();
    await lock(await begin(), free);
    await rollback(transaction);
    const [{ status }] = await batch;
    assert.deepEqual(
      status?.map((one) => one.code),
      [0, 0],
    );
  });

  it('a call that its client gave up does not write later', async () => {
    const doc = path();
    const transaction = await begin();
    await lock(transaction, doc);
    const hasty = connection().raw.commit(
      { database, writes: [{ update: { name: nameOf(doc), fields: {} } }] },
      { timeout: 50 },
    );
    assert.equal(await codeOf(hasty), 4);
    await until(() => connection().clock.nextDueMs() === undefined);
    await rollback(transaction);
    const snapshot = await connection().db.doc(doc).get();
    assert.equal(snapshot.exists, false);
  });

  it('an id that was never given, or has ended, is refused', async () => {
    const transaction = await begin();
    await set(path(), transaction);
    assert.equal(await codeOf(set(path(), transaction)), code.invalidArgument);
    assert.equal(await codeOf(lock(Buffer.from('unknown'), path())), code.invalidArgument);
  });
});
