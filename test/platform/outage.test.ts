import assert from 'node:assert/strict';
import { DocumentError } from '../../functions/src/platform/documents.ts';
import { AppError } from '../../functions/src/platform/errors.ts';
import { fromFirestore } from '../../functions/src/platform/outage.ts';
import { ManualClock } from '../support/clock.ts';

describe('a failure of Firestore', () => {
  const clock = new ManualClock();
  const told = async (error: Error): Promise<unknown> =>
    fromFirestore(clock, Promise.reject(error)).catch((thrown: unknown) => thrown);

  it('is told as an outage, with when to come again where that is known', async () => {
    const unknown = await told(new DocumentError('unavailable', 'inside'));
    const known = await told(new DocumentError('no_quota', 'inside', { retryAtMs: clock.now() + 90_000 }));
    assert.ok(unknown instanceof AppError && known instanceof AppError);
    assert.deepEqual([unknown.code, known.code], ['unavailable', 'unavailable']);
    assert.ok((unknown.retryAfterSeconds ?? 0) > 0);
    assert.equal(known.retryAfterSeconds, 90);
    assert.doesNotMatch(known.message, /inside/);
  });

  it('is the only one that is told so', async () => {
    const other = new TypeError('ours');
    assert.equal(await told(other), other);
    assert.equal(await fromFirestore(clock, Promise.resolve(7)), 7);
  });
});
