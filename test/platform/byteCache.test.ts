import assert from 'node:assert/strict';
import { ByteCache } from '../../functions/src/platform/byteCache.ts';

describe('a cache bounded by bytes', () => {
  const filled = (): ByteCache<number> => {
    const cache = new ByteCache<number>(100);
    for (const [index, key] of ['a', 'b', 'c'].entries()) assert.equal(cache.set(key, index, 30), 0);
    return cache;
  };

  it('loses the least recently used where there is no room', () => {
    const cache = filled();
    assert.equal(cache.get('a'), 0);
    assert.equal(cache.set('d', 3, 30), 1);
    assert.deepEqual(cache.values(), [2, 0, 3]);
    assert.equal(cache.get('b'), undefined);
    assert.equal(cache.set('e', 4, 95), 3);
    assert.deepEqual(cache.values(), [4]);
    assert.equal(cache.set('f', 5, 101), 2, 'also of what is too large by itself');
    assert.deepEqual(cache.values(), []);
  });

  it('has room again where a value is deleted, or replaced by a smaller one', () => {
    const cache = filled();
    cache.delete('b');
    cache.delete('none');
    assert.equal(cache.set('a', 9, 10), 0);
    assert.equal(cache.set('d', 3, 60), 0);
    assert.deepEqual(cache.values(), [2, 9, 3]);
    cache.deleteWhere((value) => value > 2);
    assert.equal(cache.set('e', 4, 70), 0);
    assert.deepEqual(cache.values(), [2, 4]);
  });
});
