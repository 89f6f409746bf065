import assert from 'node:assert/strict';
import { ApiError } from '../../../dashboard/src/feed/api.ts';
import { isOutage, troubleOf } from '../../../dashboard/src/views/trouble.ts';

const error = (status: number, retryAfterMs?: number): ApiError =>
  new ApiError(status, 'code', 'As the server says.', retryAfterMs);

describe('trouble', () => {
  it('is told as the server says it, with what to do', () => {
    const told: [ApiError, string][] = [
      [error(400), ''],
      [error(401), ' Sign in again.'],
      [error(403), ' Sign in with a key of that role.'],
      [error(404), ''],
      [error(409), ''],
      [error(429, 61_000), ' Try again in 1 min 1 s.'],
      [error(503, 5_000), ' Try again in 5 s.'],
      [error(500), ' It may have been done all the same: look before you repeat it.'],
      [error(0), ' It may have been done all the same: look before you repeat it.'],
    ];
    for (const [of, advice] of told) assert.equal(troubleOf(of), `As the server says.${advice}`);
    assert.equal(troubleOf(error(0), false), 'As the server says. Try again soon.');
  });

  it('of the page itself is told too', () => {
    assert.equal(troubleOf(new TypeError('x is undefined')), 'Something failed in this page. Load it again.');
  });

  it('is an outage where the same would fail again', () => {
    const outages = [0, 400, 401, 403, 404, 409, 429, 500, 503].filter((status) => isOutage(error(status)));
    assert.deepEqual(outages, [0, 429, 500, 503]);
    assert.equal(isOutage(new Error()), false);
  });
});
