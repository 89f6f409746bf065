import assert from 'node:assert/strict';
import {
  BufferFull,
  type GroupCommitOptions,
  GroupCommitter,
  type Joining,
} from '../../functions/src/staging/groupCommit.ts';
import { ManualClock } from '../support/clock.ts';
import { idle } from '../support/idle.ts';

type Outcomes = readonly PromiseSettledResult<void>[];

/** A committer of numbers whose writes end when a test says so. */
function committer(options: Partial<GroupCommitOptions<number>> = {}) {
  const clock = new ManualClock();
  const batches: number[][] = [];
  const ends: { resolve: (outcomes: Outcomes) => void; reject: (error: unknown) => void }[] = [];
  const group = new GroupCommitter<number>({
    maxItems: 100,
    maxBytes: 1_000,
    linger: () => 20,
    maxInFlight: 1,
    maxPendingBytes: 10_000,
    clock,
    write: (items) => {
      batches.push([...items]);
      return new Promise((resolve, reject) => ends.push({ resolve, reject }));
    },
    ...options,
  });
  const submit = (item: number, bytes = 1): Promise<void> => group.submit(item, bytes);
  /** Ends a batch well. */
  const end = async (index: number): Promise<void> => {
    ends[index]?.resolve((batches[index] ?? []).map(() => ({ status: 'fulfilled', value: undefined })));
    await idle();
  };
  return { clock, batches, ends, submit, end };
}

const settled = (promises: Promise<void>[]) =>
  Promise.allSettled(promises).then((outcomes) => outcomes.map(({ status }) => status));

describe('a group', () => {
  it('goes when its first item has lingered, with what came until then', async () => {
    const { clock, batches, submit, end } = committer();
    const submissions = [submit(1)];
    await clock.advance(19);
    submissions.push(submit(2));
    assert.deepEqual(batches, []);
    await clock.advance(1);
    submissions.push(submit(3));
    assert.deepEqual(batches, [[1, 2]]);
    await end(0);
    await clock.advance(20);
    assert.deepEqual(batches, [[1, 2], [3]]);
    await end(1);
    assert.deepEqual(await settled(submissions), ['fulfilled', 'fulfilled', 'fulfilled']);
    assert.equal(clock.pendingTimers, 0);
  });

  it('goes later, or sooner, as what joins it says', async () => {
    const asked: Joining[] = [];
    const linger = (arrival: Joining): number => {
      asked.push(arrival);
      return [20, 60, 30][arrival.items - 1] ?? 0;
    };
    const { clock, batches, submit, end } = committer({ linger });
    const submissions = [submit(1)];
    await clock.advance(15);
    submissions.push(submit(2));
    await clock.advance(14);
    submissions.push(submit(3));
    assert.deepEqual(batches, []);
    await clock.advance(1);
    assert.deepEqual(batches, [[1, 2, 3]]);
    submissions.push(submit(4));
    await clock.advance(5);
    submissions.push(submit(5), submit(6), submit(7));
    await end(0);
    assert.deepEqual(batches, [
      [1, 2, 3],
      [4, 5, 6, 7],
    ]);
    await end(1);
    await Promise.all(submissions);
    assert.deepEqual(
      asked.map(({ nowMs, startedMs, items, overlaps }) => [nowMs - startedMs, items, overlaps]),
      [
        [0, 1, false],
        [15, 2, true],
        [29, 3, true],
        [0, 1, true],
        [5, 2, true],
        [5, 3, true],
        [5, 4, true],
      ],
    );
    assert.equal(clock.pendingTimers, 0);
  });

  it('goes at once when it is full', async () => {
    const { clock, batches, submit, end } = committer({ maxItems: 2 });
    const submissions = [submit(1), submit(2)];
    assert.deepEqual(batches, [[1, 2]]);
    assert.equal(clock.pendingTimers, 0);
    await end(0);
    assert.deepEqual(await settled(submissions), ['fulfilled', 'fulfilled']);
  });

  it('goes without the item that would make it too large', async () => {
    const { batches, submit, end } = committer({ maxBytes: 10 });
    const submissions = [submit(1, 4), submit(2, 4), submit(3, 4)];
    assert.deepEqual(batches, [[1, 2]]);
    submissions.push(submit(4, 6));
    await end(0);
    assert.deepEqual(batches, [
      [1, 2],
      [3, 4],
    ]);
    await end(1);
    assert.deepEqual(await settled(submissions), Array(4).fill('fulfilled'));
  });

  it('of one item too large for any goes alone', async () => {
    const { batches, submit, end } = committer({ maxBytes: 10 });
    const submissions = [submit(1, 50)];
    assert.deepEqual(batches, [[1]]);
    await end(0);
    assert.deepEqual(await settled(submissions), ['fulfilled']);
  });

  it('gathers on while others are written, and goes as soon as one ends', async () => {
    const { clock, batches, submit, end } = committer({ maxItems: 2 });
    const submissions = [submit(1), submit(2), submit(3)];
    await clock.advance(20);
    submissions.push(submit(4), submit(5));
    assert.deepEqual(batches, [[1, 2]]);
    await end(0);
    assert.deepEqual(batches, [
      [1, 2],
      [3, 4, 5],
    ]);
    await end(1);
    assert.deepEqual(await settled(submissions), Array(5).fill('fulfilled'));
  });

  it('is written beside others, as many as may be in flight', async () => {
    const { batches, submit, end } = committer({ maxItems: 1, maxInFlight: 2 });
    const submissions = [submit(1), submit(2), submit(3)];
    assert.deepEqual(batches, [[1], [2]]);
    await end(1);
    assert.deepEqual(batches, [[1], [2], [3]]);
    await end(0);
    await end(2);
    assert.deepEqual(await settled(submissions), Array(3).fill('fulfilled'));
  });
});

describe('every submission settles', () => {
  it('with its own outcome', async () => {
    const { ends, submit } = committer({ maxItems: 3 });
    const submissions = [submit(1), submit(2), submit(3)];
    const bad = new Error('second');
    ends[0]?.resolve([
      { status: 'fulfilled', value: undefined },
      { status: 'rejected', reason: bad },
      { status: 'fulfilled', value: undefined },
    ]);
    assert.deepEqual(await settled(submissions), ['fulfilled', 'rejected', 'fulfilled']);
    await assert.rejects(submissions[1] ?? Promise.resolve(), bad);
  });

  it('rejected when the whole write fails, and the next group goes', async () => {
    const { batches, ends, submit, end } = committer({ maxItems: 2 });
    const first = [submit(1), submit(2)];
    const second = [submit(3), submit(4)];
    ends[0]?.reject(new Error('the write failed'));
    assert.deepEqual(await settled(first), ['rejected', 'rejected']);
    await idle();
    assert.deepEqual(batches, [
      [1, 2],
      [3, 4],
    ]);
    await end(1);
    assert.deepEqual(await settled(second), ['fulfilled', 'fulfilled']);
  });

  it('rejected when the time of its group is over, and what the write says later changes nothing', async () => {
    const { clock, ends, submit, end } = committer({
      maxItems: 2,
      deadline: { ms: 8_000, late: () => new Error('late') },
    });
    const slow = submit(1);
    await clock.advance(10);
    const joined = submit(2);
    let outcomes: string[] = [];
    const first = settled([slow, joined]).then((all) => {
      outcomes = all;
    });
    await clock.advance(7_989);
    assert.deepEqual(outcomes, []);
    await clock.advance(1);
    await first;
    assert.deepEqual(outcomes, ['rejected', 'rejected']);
    await assert.rejects(slow, /late/);
    await end(0);
    const next = [submit(3), submit(4)];
    await end(1);
    assert.deepEqual(await settled(next), ['fulfilled', 'fulfilled']);
    assert.deepEqual([ends.length, clock.pendingTimers], [2, 0]);
  });

  it('rejected when a write throws before it begins', async () => {
    const { submit } = committer({
      maxItems: 1,
      write: () => {
        throw new Error('at once');
      },
    });
    await assert.rejects(submit(1), /at once/);
    await assert.rejects(submit(2), /at once/);
  });

  it('rejected where a write forgets it', async () => {
    const { ends, submit } = committer({ maxItems: 2 });
    const submissions = [submit(1), submit(2)];
    ends[0]?.resolve([{ status: 'fulfilled', value: undefined }]);
    assert.deepEqual(await settled(submissions), ['fulfilled', 'rejected']);
  });
});

describe('a full buffer', () => {
  it('refuses what does not fit beside what is pending, written or not, until that settles', async () => {
    const { batches, submit, end } = committer({ maxItems: 1, maxPendingBytes: 10 });
    const submissions = [submit(1, 6), submit(2, 4)];
    await assert.rejects(submit(3, 1), BufferFull);
    await end(0);
    submissions.push(submit(4, 6));
    await assert.rejects(submit(5, 1), BufferFull);
    await end(1);
    await end(2);
    assert.deepEqual(batches, [[1], [2], [4]]);
    assert.deepEqual(await settled(submissions), Array(3).fill('fulfilled'));
  });

  it('frees what failed', async () => {
    const { ends, submit, end } = committer({ maxItems: 1, maxPendingBytes: 10 });
    const first = submit(1, 10);
    ends[0]?.reject(new Error('failed'));
    await assert.rejects(first);
    const second = submit(2, 10);
    await end(1);
    await second;
  });

  it('takes a single item larger than itself, where nothing else is pending', async () => {
    const { submit, end } = committer({ maxPendingBytes: 10 });
    const large = submit(1, 2_000);
    await end(0);
    await large;
  });
});
