import assert from 'node:assert/strict';
import { type KeyRecord, KeyRing } from '../../functions/src/keys/keyRecord.ts';

const record = (id: string, sha256: string): KeyRecord => ({ id, role: 'read', sha256 });

describe('keys by digest', () => {
  it('are all found where the first bytes of their digests are the same', () => {
    const digests = ['00', '01', 'ff'].map((end) => `${'ab'.repeat(31)}${end}`);
    const ring = new KeyRing(digests.map((digest) => record(digest.slice(-2), digest)));
    assert.deepEqual(
      digests.map((digest) => ring.find(Buffer.from(digest, 'hex'))?.id),
      ['00', '01', 'ff'],
    );
    assert.equal(ring.find(Buffer.from(`${'ab'.repeat(31)}02`, 'hex')), undefined);
  });
});
