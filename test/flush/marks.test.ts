import assert from 'node:assert/strict';
import type { Carrier } from '../../functions/src/events/carrier.ts';
import { Attempts } from '../../functions/src/flush/attempts.ts';
import { ManualClock } from '../support/clock.ts';
import { MemoryObjects } from '../support/objects.ts';

const carrier: Carrier = { schema: 1, count: 1, oldest: undefined, events: 'e', dueMs: 0 };

describe('attempts at a carrier that began and broke off', () => {
  const clock = new ManualClock();
  let bucket: MemoryObjects;
  const process = (instance: string): Attempts =>
    new Attempts({ objects: bucket.connect(), clock, instance });

  beforeEach(() => {
    bucket = new MemoryObjects(clock);
  });

  it('are those of processes that are gone, and nobody’s while they last', async () => {
    await process('a').begin(carrier, 0);
    assert.equal(await process('a').broken(carrier), 0);
    assert.equal(await process('b').broken(carrier), 1);
    await process('b').begin(carrier, 1);
    assert.equal(await process('b').broken(carrier), 1);
    assert.equal(await process('c').broken(carrier), 2);
  });

  it('are those too that ended by an error of our own, each once', async () => {
    for (const [broken, name] of ['a', 'b', 'c'].entries()) {
      await process(name).begin(carrier, broken);
      await process(name).end(carrier, 'broken', broken);
      for (const other of ['a', 'b', 'c']) assert.equal(await process(other).broken(carrier), broken + 1);
    }
  });

  it('are none that an outage ended, and are forgotten once it is done', async () => {
    await process('a').begin(carrier, 2);
    await process('a').end(carrier, 'outage', 2);
    assert.equal(await process('b').broken(carrier), 2);
    await process('b').end(carrier, 'done', 2);
    assert.equal(await process('b').broken(carrier), 0);
    await process('a').begin(carrier, 0);
    await process('a').end(carrier, 'outage', 0);
    assert.deepEqual(bucket.names(), []);
  });
});
