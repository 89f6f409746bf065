import assert from 'node:assert/strict';
import { append, largest, smallest } from '../../functions/src/platform/arrays.ts';
import { ownObjects } from '../../functions/src/platform/objects.ts';
import { mapPool, oneAfterTheOther } from '../../functions/src/platform/pool.ts';
import { ManualClock } from '../support/clock.ts';
import { idle } from '../support/idle.ts';
import { MemoryObjects } from '../support/objects.ts';

describe('lists', () => {
  it('of more items than the stack holds are put together, and compared', () => {
    const numbers = Array.from({ length: 300_000 }, (_, n) => n);
    const all = [-1];
    append(all, numbers);
    assert.equal(all.length, 300_001);
    assert.deepEqual([smallest(all), largest(all)], [-1, 299_999]);
    assert.deepEqual([smallest([]), largest([])], [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
  });
});

describe('work in turn', () => {
  it('begins once the work before it has ended, also where that failed', async () => {
    const inTurn = oneAfterTheOther();
    const ends: (() => void)[] = [];
    const begun: string[] = [];
    const work = (name: string) => async () => {
      begun.push(name);
      await new Promise<void>((resolve) => ends.push(resolve));
      if (name === 'fails') throw new Error(name);
      return name;
    };
    const results = ['first', 'fails', 'last'].map((name) => inTurn(work(name)));
    const outcomes = Promise.allSettled(results);
    for (const names of [['first'], ['first', 'fails'], ['first', 'fails', 'last']]) {
      await idle();
      assert.deepEqual(begun, names);
      ends.pop()?.();
    }
    const shown = (await outcomes).map((it) => (it.status === 'fulfilled' ? it.value : `${it.reason}`));
    assert.deepEqual(shown, ['first', 'Error: fails', 'last']);
  });
});

describe('work on many items', () => {
  it('goes on as many at once as are allowed, with results in the items’ order', async () => {
    const ends: (() => void)[] = [];
    let atOnce = 0;
    let most = 0;
    const results = mapPool([3, 1, 2, 5, 4], 2, async (item) => {
      atOnce += 1;
      most = Math.max(most, atOnce);
      await new Promise<void>((resolve) => ends.push(resolve));
      atOnce -= 1;
      return item * 10;
    });
    for (let ended = 0; ended < 5; ended += 1) {
      await idle();
      ends.pop()?.();
    }
    assert.deepEqual(await results, [30, 10, 20, 50, 40]);
    assert.equal(most, 2);
    assert.deepEqual(await mapPool([], 2, async () => 1), []);
  });

  it('fails with the first error', async () => {
    const work = (item: number): Promise<number> =>
      item === 2 ? Promise.reject(new Error('two')) : Promise.resolve(item);
    await assert.rejects(mapPool([1, 2, 3], 1, work), /two/);
  });
});

describe('own objects of a bucket', () => {
  it('are found page by page, others’ passed over, after a name', async () => {
    const bucket = new MemoryObjects(new ManualClock());
    const objects = bucket.connect();
    for (const name of ['a/0', 'a/1', 'a/theirs', 'a/2', 'a/3', 'b/4'])
      await objects.put(name, Buffer.alloc(1));
    const isOwn = (name: string): boolean => /\d$/.test(name);
    const found = async (limit: number, after?: string): Promise<string[]> => {
      const names: string[] = [];
      for await (const { name } of ownObjects(objects, 'a/', { isOwn, limit, after })) names.push(name);
      return names;
    };
    for (const limit of [1, 2, 5, 100]) assert.deepEqual(await found(limit), ['a/0', 'a/1', 'a/2', 'a/3']);
    assert.deepEqual(await found(2, 'a/1'), ['a/2', 'a/3']);
    assert.deepEqual(await found(2, 'a/3'), []);
  });
});
