import assert from 'node:assert/strict';
import { cachedFor, once, onceAsync } from '../../functions/src/platform/once.ts';
import { ManualClock } from '../support/clock.ts';

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

describe('a promise made once', () => {
  it('is shared by all who ask, also while it is made', async () => {
    let made = 0;
    const ask = onceAsync(async () => ++made);
    assert.deepEqual(await Promise.all([ask(), ask()]), [1, 1]);
    assert.equal(await ask(), 1);
  });

  it('is made anew after it was rejected, by the first who asks then', async () => {
    let tries = 0;
    const ask = onceAsync(async () => {
      tries += 1;
      if (tries === 1) throw new Error('down');
      return tries;
    });
    const both = await Promise.allSettled([ask(), ask()]);
    assert.deepEqual([both.map(({ status }) => status), tries], [['rejected', 'rejected'], 1]);
    assert.deepEqual(await Promise.all([ask(), ask()]), [2, 2]);
  });
});

describe('a value that is kept for a time', () => {
  const clock = new ManualClock();

  it('is made for all who ask within that time, and again by the first who asks later', async () => {
    let made = 0;
    const ask = cachedFor(clock, 1_000, async () => ++made);
    assert.deepEqual(await Promise.all([ask(), ask()]), [1, 1]);
    await clock.advance(999);
    assert.equal(await ask(), 1);
    await clock.advance(1);
    assert.equal(await ask(), 2);
  });

  it('may be kept as long as it says itself, from when it was asked for', async () => {
    let made = 0;
    let finish: () => void = () => {};
    const make = async (): Promise<number> => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return ++made;
    };
    const ask = cachedFor(clock, 5_000, make, (value) => value * 1_000);
    const first = ask();
    await clock.advance(900);
    const second = ask();
    finish();
    assert.deepEqual(await Promise.all([first, second]), [1, 1]);
    await clock.advance(99);
    assert.equal(await ask(), 1);
    await clock.advance(1);
    const third = ask();
    finish();
    assert.equal(await third, 2);
  });

  it('is made anew where making it hangs, also where its time depends on what it is', async () => {
    let tries = 0;
    let finish: (value: string) => void = () => {};
    const make = (): Promise<string> => {
      tries += 1;
      if (tries > 1) return Promise.resolve('second');
      return new Promise((resolve) => {
        finish = resolve;
      });
    };
    for (const lifetimeOf of [undefined, () => 60_000]) {
      tries = 0;
      const ask = cachedFor(clock, 1_000, make, lifetimeOf);
      const hung = ask();
      await clock.advance(1_000);
      assert.equal(await ask(), 'second');
      finish('first');
      assert.equal(await hung, 'first');
      assert.equal(await ask(), 'second');
    }
  });

  it('is not kept where making it failed', async () => {
    let tries = 0;
    const ask = cachedFor(clock, 1_000, async () => {
      tries += 1;
      if (tries === 1) throw new Error('down');
      return tries;
    });
    await assert.rejects(ask(), /down/);
    assert.equal(await ask(), 2);
  });
});
