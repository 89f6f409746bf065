import assert from 'node:assert/strict';
import { DocumentError, type DocumentWrite } from '../../functions/src/platform/documents.ts';
import { type Backend, startBackend } from '../support/api.ts';

const create = (path: string): DocumentWrite => ({
  path,
  ifVersion: 'absent',
  changes: [{ path: ['a'], value: 1 }],
});

/** True where it was done; anything but a conflict fails the test. */
async function isDone(work: Promise<void>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    assert.ok(error instanceof DocumentError, String(error));
    assert.equal(error.failure, 'conflict');
    return false;
  }
}

describe('a commit on condition that documents are absent', () => {
  let backend: Backend;

  before(async () => {
    backend = await startBackend();
  });

  after(() => backend.close());

  async function present(...paths: string[]): Promise<boolean[]> {
    return (await backend.documents.read(paths, 'test')).map(({ fields }) => fields !== undefined);
  }

  it('writes all where they are, nothing where one is not', async () => {
    const { documents } = backend;
    assert.equal(
      await isDone(documents.commitIfAbsent([create('a/1'), create('a/2')], ['b/1', 'b/2'], 'test')),
      true,
    );
    assert.equal(
      await isDone(documents.commitIfAbsent([create('a/3'), create('a/4')], ['b/1', 'a/1'], 'test')),
      false,
    );
    assert.deepEqual(await present('a/1', 'a/2', 'a/3', 'a/4'), [true, true, false, false]);
  });

  it('names those that are not absent', async () => {
    const { documents } = backend;
    await documents.commit([create('c/1'), create('c/2')], 'test');
    await assert.rejects(documents.commitIfAbsent([create('c/3')], ['c/1', 'b/1', 'c/2'], 'test'), {
      failure: 'conflict',
      present: ['c/1', 'c/2'],
    });
  });

  it('bills a read for each condition', async () => {
    backend.billedReads();
    await backend.documents.commitIfAbsent([create('a/5')], ['b/1', 'b/2'], 'test');
    assert.equal(backend.billedReads(), 2);
  });

  it('still demands the versions that its writes name', async () => {
    assert.equal(await isDone(backend.documents.commitIfAbsent([create('a/1')], ['b/1'], 'test')), false);
  });

  it('lets one of two through that exclude each other', async () => {
    const { documents } = backend;
    for (let round = 0; round < 20; round += 1) {
      const [here, there] = [`here/${round}`, `there/${round}`];
      const done = await Promise.all([
        isDone(documents.commitIfAbsent([create(here)], [there], 'test')),
        isDone(documents.commitIfAbsent([create(there)], [here], 'test')),
      ]);
      assert.deepEqual(await present(here, there), done);
      assert.ok(!(done[0] && done[1]), 'both');
    }
  });
});
