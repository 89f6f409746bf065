import assert from 'node:assert/strict';
import { DocumentError } from '../../functions/src/platform/documents.ts';
import { isOutage, unavailable } from '../../functions/src/platform/outage.ts';
import { ManualClock } from '../support/clock.ts';

describe('an outage of Firestore', () => {
  const clock = new ManualClock();

  it('is told without its inside, and with when to come again where that is known', () => {
    const unknown = unavailable(clock, new DocumentError('unavailable', 'inside'));
    const known = unavailable(
      clock,
      new DocumentError('no_quota', 'inside', { retryAtMs: clock.now() + 90_000 }),
    );
    assert.deepEqual([unknown.code, known.code], ['unavailable', 'unavailable']);
    assert.ok((unknown.retryAfterSeconds ?? 0) > 0);
    assert.equal(known.retryAfterSeconds, 90);
    assert.doesNotMatch(known.message, /inside/);
  });

  it('is no conflict, no fault of the request, and nothing of ours', () => {
    for (const failure of ['unavailable', 'exhausted', 'no_quota'] as const)
      assert.ok(isOutage(new DocumentError(failure, '')));
    for (const failure of ['conflict', 'invalid'] as const)
      assert.ok(!isOutage(new DocumentError(failure, '')));
    assert.ok(!isOutage(new TypeError('ours')));
  });
});
