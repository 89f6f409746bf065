import assert from 'node:assert/strict';
import { foldersOf } from '../../../dashboard/src/views/folders.ts';

describe('files by folder', () => {
  it('are those with the most bytes first, with their share', () => {
    const stored = {
      temp: { files: 0, bytes: 0 },
      audio: { files: 1, bytes: 100 },
      empty: { files: 2, bytes: 0 },
      video: { files: 1, bytes: 300 },
    };
    assert.deepEqual(
      foldersOf(stored)?.map(({ name, share }) => [name, share]),
      [
        ['video', 0.75],
        ['audio', 0.25],
        ['empty', 0],
        ['temp', 0],
      ],
    );
  });

  it('are unknown where the bucket was not listed', () => {
    assert.equal(foldersOf(null), undefined);
    assert.equal(foldersOf(undefined), undefined);
    assert.deepEqual(foldersOf({ a: null }), [{ name: 'a', files: 0, bytes: 0, share: 0 }]);
  });
});
