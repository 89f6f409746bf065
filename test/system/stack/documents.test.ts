import assert from 'node:assert/strict';
import { type DocumentData, FieldValue, Firestore, GeoPoint } from '@google-cloud/firestore';
import { tombstonePath } from '../../../functions/src/documents/document.ts';
import { type LocalStack, startStack } from '../../../local/stack.ts';
import { advanceUntil, callStack, type StackAnswer } from '../../support/advance.ts';

// Off the cloud, the client would look for a metadata server.
process.env['METADATA_SERVER_DETECTION'] ??= 'none';

/** Ten seconds are two ticks; a slow machine takes longer. */
const within = { stepMs: 2_500, steps: 24 };

describe('operations through the deployed functions', function () {
  this.timeout(60_000);
  let stack: LocalStack;
  let database: Firestore;

  before(async () => {
    stack = await startStack({ ports: 'free', quiet: true });
    const [host, port] = (stack.clientEnv['FIRESTORE_EMULATOR_HOST'] ?? '').split(':');
    database = new Firestore({
      projectId: stack.clientEnv['GCLOUD_PROJECT'] ?? '',
      host: host ?? '',
      port: Number(port),
      ssl: false,
    });
  });

  after(async () => {
    await database.terminate();
    await stack.close();
  });

  const call = (method: string, path: string, body?: unknown, role = 'ingest'): Promise<StackAnswer> =>
    callStack(stack, role, method, path, body);

  const operate = (...operations: object[]) =>
    call('POST', '/v1/operations?visibility=prompt', { operations });

  /** A document, without Sluice's field. */
  async function document(path: string): Promise<DocumentData | undefined> {
    const data = (await database.doc(path).get()).data();
    if (data === undefined) return undefined;
    const { _sluice: _, ...fields } = data;
    return fields;
  }

  /** Waits until a document is there, and as it is to be. */
  const written = (path: string, isSo: (fields: DocumentData) => boolean = () => true): Promise<void> =>
    advanceUntil(
      stack,
      async () => {
        const fields = await document(path);
        return fields !== undefined && isSo(fields);
      },
      within,
    );

  it('become documents of the types that were meant, at one write each', async () => {
    const before = stack.usage().firestore.writes;
    const answer = await operate(
      { type: 'set', path: 'users/1', data: { name: 'Ann', raw: { $bytes: 'AAEC' }, tags: ['a', 'b'] } },
      { type: 'update', path: 'users/1', data: { 'stats.views': 1, '`x.y`': true } },
      {
        type: 'update',
        path: 'users/1',
        data: { 'stats.views': 2, at: { $timestamp: '2026-03-01T00:00:00Z' } },
      },
      { type: 'set', path: 'tasks/1', data: {} },
    );
    assert.deepEqual(answer.status, 202);
    assert.equal(answer.json['accepted'], 3);
    await written('users/1');
    const { at, raw, ...rest } = (await document('users/1')) ?? {};
    assert.deepEqual(rest, { name: 'Ann', tags: ['a', 'b'], stats: { views: 2 }, 'x.y': true });
    assert.equal(at.toDate().toISOString(), '2026-03-01T00:00:00.000Z');
    assert.deepEqual(Buffer.from(raw), Buffer.from([0, 1, 2]));
    const made = await database.collection('users').get();
    assert.equal(made.size, 1);
    // The rest are the ledger's.
    assert.ok(stack.usage().firestore.writes - before <= 1 + 2);
  });

  it('leave what others write, with all its precision', async () => {
    const at = new Date('2026-01-01T00:00:00.000Z');
    await database.doc('users/2').set({ theirs: { deep: 1.5, at }, list: [1] });
    await operate({ type: 'update', path: 'users/2', data: { 'theirs.mine': 1 } });
    await written('users/2', ({ theirs }) => theirs.mine === 1);
    assert.deepEqual((await document('users/2'))?.['theirs'].deep, 1.5);
    await database.doc('users/2').update({ list: [2] });
    await operate({ type: 'update', path: 'users/2', data: { 'theirs.mine': 2 } });
    await written('users/2', ({ theirs }) => theirs.mine === 2);
    assert.deepEqual((await document('users/2'))?.['list'], [2]);
  });

  it('leave places, references and vectors as they are, in documents and tasks', async () => {
    const theirs = {
      place: new GeoPoint(1, 2),
      other: database.doc('users/2'),
      vector: FieldValue.vector([1, 2]),
      list: [{ reference: database.doc('users/2') }],
    };
    await database.doc('users/3').set(theirs);
    await database.doc('tasks/theirs').set({ status: 'pending', created_at: new Date(), ...theirs });
    await operate({ type: 'update', path: 'users/3', data: { mine: 1 } });
    await call('PATCH', '/v1/tasks/theirs?visibility=prompt', { priority: 1 });
    await written('users/3', ({ mine }) => mine === 1);
    await written('tasks/theirs', ({ priority }) => priority === 1);
    for (const path of ['users/3', 'tasks/theirs']) {
      const found = (await database.doc(path).get()).data() ?? {};
      assert.ok(found['place'].isEqual(theirs.place));
      assert.equal(found['other'].path, 'users/2');
      assert.ok(found['vector'].isEqual(theirs.vector));
      assert.equal(found['list'][0].reference.path, 'users/2');
    }
    const { json } = await call('GET', '/v1/tasks/theirs', undefined, 'read');
    assert.deepEqual(
      [json['place'], json['other'], json['vector']],
      [{ latitude: 1, longitude: 2 }, 'users/2', [1, 2]],
    );
  });

  it('bury what they delete, and make it again', async () => {
    await operate({ type: 'delete', path: 'users/1' });
    await advanceUntil(stack, async () => (await document('users/1')) === undefined, within);
    const grave = database.doc(tombstonePath('users/1'));
    assert.equal((await grave.get()).get('path'), 'users/1');
    await operate({ type: 'update', path: 'users/1', data: { back: true } });
    await written('users/1');
    assert.deepEqual(await document('users/1'), { back: true });
    assert.equal((await grave.get()).exists, false);
  });

  it('make documents under new ids, and change a task’s status', async () => {
    const made = await call('POST', '/v1/documents?visibility=prompt', {
      collection: 'notes',
      data: { n: 1 },
    });
    await call('POST', '/v1/tasks?visibility=prompt', { task_id: 't1', task_type: 'x' });
    await call('POST', '/v1/tasks/t1/status?visibility=prompt', { status: 'approved' });
    await written('tasks/t1', ({ status }) => status === 'approved');
    await written(String(made.json['path']));
    assert.deepEqual(await document(String(made.json['path'])), { n: 1 });
  });

  it('that are too much for a document are dead letters, which can be replayed once there is room', async () => {
    await operate({ type: 'set', path: 'big/1', data: { a: 'x'.repeat(700_000) } });
    await operate({ type: 'update', path: 'big/1', data: { b: 'x'.repeat(700_000) } });
    type Letter = { id: string; detail: string; target: string };
    const letters = async (): Promise<Letter[]> =>
      (await call('GET', '/v1/dead-letters', undefined, 'admin')).json['dead_letters'] as Letter[];
    await advanceUntil(stack, async () => (await letters()).length > 0, within);
    assert.deepEqual(Object.keys((await document('big/1')) ?? {}), ['a']);
    const [letter, ...others] = await letters();
    assert.deepEqual(others, []);
    assert.equal(letter?.target, 'big/1');
    assert.match(letter?.detail ?? '', /14\d{5} bytes/);
    const status = await call('GET', '/v1/status', undefined, 'read');
    assert.deepEqual(status.json['dead_letters'], { count: 1, is_exact: true });

    await operate({ type: 'update', path: 'big/1', data: { a: 'short' } });
    await written('big/1', ({ a }) => a === 'short');
    const replayed = await call('POST', `/v1/dead-letters/${letter?.id}/replay`, undefined, 'admin');
    assert.equal(replayed.status, 202);
    await written('big/1', ({ a, b }) => a === 'short' && b !== undefined);
    assert.deepEqual(await letters(), []);
  });
});
