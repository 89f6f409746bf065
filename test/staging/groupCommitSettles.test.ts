import assert from 'node:assert/strict';
import fc from 'fast-check';
import { BufferFull, GroupCommitter } from '../../functions/src/staging/groupCommit.ts';
import { ManualClock, startMs } from '../support/clock.ts';

const deadlineMs = 8_000;

type Write = (items: readonly number[]) => Promise<readonly PromiseSettledResult<void>[]>;

function committer(write: (clock: ManualClock) => Write) {
  const clock = new ManualClock();
  const group = new GroupCommitter<number>({
    maxItems: 5,
    maxBytes: 1_000,
    linger: () => 20,
    maxInFlight: 2,
    maxPendingBytes: 2_000,
    deadline: { ms: deadlineMs, late: () => new Error('late') },
    clock,
    write: write(clock),
  });
  return { clock, group };
}

/** Fates of a write: to end well or badly after some time, end before it began, tell too little, or never end. */
const writeFate = fc.oneof(
  fc.record({
    ends: fc.constantFrom('well', 'badly', 'short'),
    afterMs: fc.integer({ min: 0, max: 20_000 }),
  }),
  fc.record({ ends: fc.constantFrom('never', 'throws'), afterMs: fc.constant(0) }),
);
const submission = fc.record({
  afterMs: fc.integer({ min: 0, max: 3_000 }),
  bytes: fc.integer({ min: 1, max: 900 }),
});

describe('every submission settles, whatever the writes do', () => {
  it('in the time of its group, and all that it held is free again', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(submission, { minLength: 1, maxLength: 40 }),
        fc.array(writeFate, { minLength: 1, maxLength: 20 }),
        async (submissions, fates) => {
          let writes = 0;
          let doAllGoWell = false;
          const { clock, group } = committer((given) => (items) => {
            const { ends, afterMs } = fates[writes % fates.length] ?? { ends: 'never', afterMs: 0 };
            writes += 1;
            const well = items.map(() => ({ status: 'fulfilled' as const, value: undefined }));
            if (doAllGoWell) return Promise.resolve(well);
            if (ends === 'throws') throw new Error('thrown');
            return new Promise((resolve, reject) => {
              if (ends === 'never') return;
              given.setTimeout(() => {
                if (ends === 'badly') reject(new Error('failed'));
                else resolve(ends === 'short' ? well.slice(1) : well);
              }, afterMs);
            });
          });
          const tookMs: number[] = [];
          let refused = 0;
          for (const { afterMs, bytes } of submissions) {
            await clock.advance(afterMs);
            const fromMs = clock.now();
            const settled = (): void => {
              tookMs.push(clock.now() - fromMs);
            };
            void group.submit(1, bytes).then(settled, (error: unknown) => {
              if (error instanceof BufferFull) refused += 1;
              settled();
            });
          }
          await clock.advance(deadlineMs);
          assert.equal(tookMs.length, submissions.length);
          assert.ok(Math.max(...tookMs) <= deadlineMs);
          assert.ok(refused < submissions.length);
          doAllGoWell = true;
          const after = Array.from({ length: 4 }, () => group.submit(1, 500));
          await clock.advance(20);
          await Promise.all(after);
        },
      ),
      { numRuns: 200 },
    ));

  it('also what joins a group whose writes have no place for it', async () => {
    const { clock, group } = committer(() => () => new Promise(() => undefined));
    const tookMs: number[] = [];
    for (let submitted = 0; submitted < 300; submitted += 1) {
      const fromMs = clock.now();
      void group.submit(1, 1).catch(() => tookMs.push(clock.now() - fromMs));
      await clock.advance(100);
    }
    await clock.advance(deadlineMs);
    assert.equal(tookMs.length, 300);
    assert.ok(Math.max(...tookMs) <= deadlineMs);
    assert.ok(clock.now() > startMs);
    assert.equal(clock.pendingTimers, 0);
  });
});
