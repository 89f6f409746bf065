import assert from 'node:assert/strict';
import { seeded } from '../../bench/shared/random.ts';
import { GroupCommitter } from '../../functions/src/staging/groupCommit.ts';
import { growingLinger, type LingerBounds } from '../../functions/src/staging/linger.ts';
import { ManualClock } from '../support/clock.ts';

const bounds: LingerBounds = { lingerMs: 20, lingerMaxMs: 150 };
/** The time that Cloud Tasks takes to keep a carrier. */
const putMs = 20;

/** Requests to an instance; tells how many shared each carrier, and how long each waited for its acknowledgement. */
function instance(given: Partial<LingerBounds> = {}) {
  const clock = new ManualClock();
  const carriers: number[] = [];
  const tookMs: number[] = [];
  const committer = new GroupCommitter<null>({
    maxItems: 500,
    maxBytes: 1e9,
    maxPendingBytes: 1e9,
    maxInFlight: 8,
    linger: growingLinger({ ...bounds, ...given }),
    clock,
    write: (items) => {
      carriers.push(items.length);
      const kept = items.map(() => ({ status: 'fulfilled' as const, value: undefined }));
      return new Promise((resolve) => clock.setTimeout(() => resolve(kept), putMs));
    },
  });
  const send = async (bytes = 1): Promise<void> => {
    const fromMs = clock.now();
    await committer.submit(null, bytes);
    tookMs.push(clock.now() - fromMs);
  };
  /** Sends requests so long after one another. */
  const sendAll = async (gapsMs: readonly number[]): Promise<void> => {
    for (const gapMs of gapsMs) {
      await clock.advance(gapMs);
      void send();
    }
  };
  /** Forgets what was measured, once all is acknowledged. */
  const measureAnew = async (): Promise<void> => {
    await clock.advance(putMs + 150);
    carriers.length = 0;
    tookMs.length = 0;
  };
  return { clock, carriers, tookMs, send, sendAll, measureAnew };
}

const evenly = (perSecond: number, count: number): number[] => Array(count).fill(1000 / perSecond);
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

/** Gaps of arrivals that know nothing of each other. */
function atRandom(perSecond: number, count: number): number[] {
  const random = seeded(perSecond);
  return Array.from({ length: count }, () => (-Math.log(1 - random()) * 1000) / perSecond);
}

describe('the linger', () => {
  for (const { perSecond, least, medianMs } of [
    { perSecond: 1, least: 1, medianMs: 20 },
    { perSecond: 5, least: 1.1, medianMs: 20 },
    { perSecond: 10, least: 1.2, medianMs: 60 },
    { perSecond: 20, least: 4, medianMs: 110 },
    { perSecond: 30, least: 5, medianMs: 110 },
    { perSecond: 50, least: 8, medianMs: 110 },
    { perSecond: 100, least: 12, medianMs: 110 },
    { perSecond: 1000, least: 19, medianMs: 20 },
  ]) {
    it(`at ${perSecond} requests a second lets ${least} share a carrier, and none waits too long`, async () => {
      const { carriers, tookMs, sendAll, measureAnew } = instance();
      await sendAll(atRandom(perSecond, 3 * perSecond));
      await measureAnew();
      await sendAll(atRandom(perSecond, Math.max(200, 10 * perSecond)));
      assert.ok(mean(carriers) >= least, `${mean(carriers)} share a carrier`);
      assert.ok(median(tookMs) <= putMs + medianMs, `median of ${median(tookMs)} ms`);
      assert.ok(Math.max(...tookMs) <= putMs + bounds.lingerMaxMs, `longest of ${Math.max(...tookMs)} ms`);
    });
  }

  it('lets five share at 50 a second that come evenly', async () => {
    const { carriers, sendAll, measureAnew } = instance();
    await sendAll(evenly(50, 150));
    await measureAnew();
    await sendAll(evenly(50, 200));
    assert.ok(mean(carriers) >= 5, `${mean(carriers)}`);
  });

  it('of who sends one after the other stays short, however fast', async () => {
    const { clock, carriers, tookMs, send } = instance();
    for (let sent = 0; sent < 100; sent += 1) {
      const answered = send();
      await clock.advance(20 + putMs);
      await answered;
    }
    assert.deepEqual([carriers.length, ...new Set(tookMs)], [100, 20 + putMs]);
  });

  it('counts requests, not what they hold: nobody could share the carrier of a large one sooner', async () => {
    const { clock, tookMs, send } = instance();
    void send(1_000_000);
    await clock.advance(10);
    void send(1_000_000);
    await clock.advance(20 + putMs);
    assert.deepEqual(tookMs, [20 + putMs, 10 + putMs]);
  });

  it('grows within a burst that comes after silence, and no further than its maximum', async () => {
    const { clock, carriers, tookMs, sendAll, measureAnew } = instance();
    await sendAll([0]);
    await measureAnew();
    await clock.advance(600_000);
    await sendAll(evenly(64, 64));
    await clock.advance(150 + putMs);
    assert.ok(mean(carriers) >= 3, `${carriers}`);
    assert.equal(tookMs.length, 64);
    assert.ok(Math.max(...tookMs) <= 150 + putMs);
  });

  it('is short again four seconds after the rate fell', async () => {
    const { clock, tookMs, sendAll, measureAnew } = instance();
    await sendAll(evenly(100, 300));
    await measureAnew();
    await clock.advance(4_000);
    await sendAll(evenly(2, 10));
    await clock.advance(putMs + 20);
    assert.deepEqual([tookMs.length, ...new Set(tookMs)], [10, 20 + putMs]);
  });

  it('ends once there is company enough', async () => {
    const { clock, carriers, tookMs, sendAll, measureAnew } = instance();
    await sendAll(evenly(100, 300));
    await measureAnew();
    await sendAll(evenly(500, 40));
    await clock.advance(200);
    assert.equal(carriers[0], 20);
    assert.ok(Math.max(...tookMs) <= 40 + putMs, `${tookMs}`);
  });

  it('never passes its maximum, were that less than its least; at 0, nothing waits', async () => {
    for (const lingerMaxMs of [10, 0]) {
      const { clock, tookMs, sendAll } = instance({ lingerMaxMs });
      await sendAll(evenly(200, 50));
      await clock.advance(200);
      assert.equal(tookMs.length, 50);
      assert.ok(Math.max(...tookMs) <= lingerMaxMs + putMs);
    }
  });

  it('neither ends late nor fails where the clock is put right', async () => {
    for (const jumpMs of [-3_600_000, 3_600_000]) {
      const { clock, send } = instance();
      const all = [send(), send()];
      clock.jumpTo(clock.now() + jumpMs);
      all.push(send());
      clock.jumpTo(clock.now() - jumpMs);
      await clock.advance(150 + putMs);
      await Promise.all(all);
    }
  });
});
