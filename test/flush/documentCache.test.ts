import assert from 'node:assert/strict';
import { DocumentCache } from '../../functions/src/flush/documentCache.ts';

/** An entry takes four times that, and a little. */
const documentBytes = 1_000_000;
const known = (state: number) => ({ state, document: { state }, version: 'absent' as const });

describe('what the flusher remembers of documents', () => {
  it('is as much as there is room for, the latest written', () => {
    const cache = new DocumentCache(13_000_000);
    for (let index = 0; index < 10; index += 1) cache.set(`d${index}`, known(index), documentBytes);
    const left = Array.from({ length: 10 }, (_, index) => cache.get(`d${index}`)?.state);
    assert.deepEqual(
      left.filter((state) => state !== undefined),
      [7, 8, 9],
    );
  });

  it('is forgotten when told so, and its room is free again', () => {
    const cache = new DocumentCache(13_000_000);
    for (const path of ['a', 'b', 'c']) cache.set(path, known(1), documentBytes);
    cache.delete('b');
    cache.delete('none');
    assert.equal(cache.get('b'), undefined);
    cache.set('d', known(2), documentBytes);
    assert.deepEqual(
      ['a', 'c', 'd'].map((path) => cache.get(path)?.state),
      [1, 1, 2],
    );
  });
});
