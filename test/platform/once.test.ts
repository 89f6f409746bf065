import assert from 'node:assert/strict';
import { once } from '../../functions/src/platform/once.ts';

describe('a value made once', () => {
  it('is made when it is first asked for, also where it is undefined', () => {
    let made = 0;
    const value = once(() => {
      made += 1;
      return undefined;
    });
    assert.equal(made, 0);
    assert.deepEqual([value(), value(), made], [undefined, undefined, 1]);
  });

  it('is made anew where making it failed', () => {
    let tries = 0;
    const value = once(() => {
      tries += 1;
      if (tries === 1) throw new Error('not yet');
      return tries;
    });
    assert.throws(value, /not yet/);
    assert.deepEqual([value(), value()], [2, 2]);
  });
});
