import assert from 'node:assert/strict';
import { UnknownVersion } from '../../functions/src/platform/errors.ts';
import { hashedText, versionedObject } from '../../functions/src/platform/hashedText.ts';

describe('a text behind its hash', () => {
  const members = { 1: 'v a', 2: 'v a b' };
  const stored = (value: unknown): Buffer => hashedText(JSON.stringify(value));

  it('is in no order of its own: texts that follow each other begin unlike', () => {
    const beginnings = Array.from({ length: 100 }, (_, n) => hashedText(`stamp-${n}`).subarray(0, 8));
    assert.equal(new Set(beginnings.map((bytes) => bytes.toString('hex'))).size, 100);
    const ordered = beginnings.toSorted(Buffer.compare);
    assert.notDeepEqual(ordered, beginnings);
  });

  it('comes back as the object that it was', () => {
    for (const value of [{ v: 1, a: 1 }, { v: 2, a: { deep: ['é'] }, b: 2 }, { v: 1 }])
      assert.deepEqual(versionedObject(stored(value), members), value);
    assert.deepEqual(versionedObject(new Uint8Array(stored({ v: 1 })), members), { v: 1 });
    for (const none of [undefined, null, 'text', { v: 1 }])
      assert.equal(versionedObject(none, members), undefined);
  });

  it('of another version, or with members of another, is not read', () => {
    for (const value of [{ v: 3, a: 1 }, { v: 1, b: 2 }, { v: '1' }, {}, null, 7, []])
      assert.throws(() => versionedObject(stored(value), members), UnknownVersion);
  });
});
