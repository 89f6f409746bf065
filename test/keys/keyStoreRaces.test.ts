import assert from 'node:assert/strict';
import { KeyStore } from '../../functions/src/keys/keyStore.ts';
import { AppError } from '../../functions/src/platform/errors.ts';
import { sha256Hex } from '../../functions/src/platform/ids.ts';
import type { ObjectStore } from '../../functions/src/platform/objects.ts';
import { ManualClock } from '../support/clock.ts';
import { idle } from '../support/idle.ts';
import { memoryLogger } from '../support/logger.ts';
import { MemoryObjects } from '../support/objects.ts';

/** A bucket of which the next answer can be kept back: it is as old as its question then. */
function slowBucket(clock: ManualClock): { objects: ObjectStore; holdNext(): () => void } {
  const bucket = new MemoryObjects(clock).connect();
  let held: Promise<void> | undefined;
  const late = async <Result>(answer: Promise<Result>): Promise<Result> => {
    const until = held;
    held = undefined;
    const result = await answer;
    await until;
    return result;
  };
  const objects: ObjectStore = {
    ...bucket,
    get: (name) => late(bucket.get(name)),
    getIfChanged: (name, generation) => late(bucket.getIfChanged(name, generation)),
  };
  return {
    objects,
    holdNext: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = promise;
      return resolve;
    },
  };
}

describe('a read of the keys that began before a write of this instance and ends after it', () => {
  const record = { id: 'k', role: 'read', sha256: sha256Hex('the key') } as const;
  let clock: ManualClock;
  let keys: KeyStore;
  let holdNext: () => () => void;

  beforeEach(() => {
    clock = new ManualClock();
    const bucket = slowBucket(clock);
    holdNext = bucket.holdNext;
    const logger = memoryLogger();
    keys = new KeyStore({ objects: bucket.objects, clock, logger, firstKeys: () => '[]' });
  });

  /** Lets a read begin, the write be made, and only then the read end. */
  async function around(write: () => Promise<unknown>): Promise<void> {
    await clock.advance(60_000);
    const release = holdNext();
    const asked = keys.find('another').catch(() => undefined);
    await idle();
    await write();
    release();
    await asked;
  }

  it('does not bring a revoked key back', async () => {
    await keys.add(record);
    await around(() => keys.remove(record.id));
    assert.equal(await keys.find('the key'), undefined);
  });

  it('does not forget a key that was made', async () => {
    await keys.list();
    await around(() => keys.add(record));
    assert.equal((await keys.find('the key'))?.id, record.id);
  });
});

describe('a change of the keys that another instance is always ahead of', () => {
  it('is refused in the end, as it is in no bucket', async () => {
    const clock = new ManualClock();
    const record = { id: 'k', role: 'read', sha256: sha256Hex('the key') } as const;
    const bucket = new MemoryObjects(clock).connect();
    const keys = (objects: ObjectStore) =>
      new KeyStore({ objects, clock, logger: memoryLogger(), firstKeys: () => '[]' });
    await keys(bucket).add(record);
    const late = keys({ ...bucket, put: () => Promise.reject(new AppError('conflict', 'too late')) });
    await assert.rejects(late.add({ ...record, id: 'other' }), { code: 'unavailable' });
    await assert.rejects(late.remove(record.id), { code: 'unavailable' });
    assert.deepEqual(
      (await keys(bucket).list()).stored.map(({ id }) => id),
      ['k'],
    );
  });
});
