import assert from 'node:assert/strict';
import { delayMs, type Outcome, Poller, pollMs } from '../../dashboard/src/feed/poller.ts';
import { ManualClock, startMs } from '../support/clock.ts';

const dayMs = 86_400_000;

describe('the page asks for the status', () => {
  let clock: ManualClock;
  let isVisible: boolean;
  let outcome: Outcome | Promise<Outcome>;
  let askedAt: number[];
  let poller: Poller;

  beforeEach(() => {
    clock = new ManualClock();
    isVisible = true;
    outcome = { ok: true };
    askedAt = [];
    poller = new Poller({
      clock,
      isVisible: () => isVisible,
      ask: async () => {
        askedAt.push((clock.now() - startMs) / 1000);
        return outcome;
      },
    });
  });

  function see(visible: boolean): void {
    isVisible = visible;
    poller.visibilityChanged();
  }

  it('at once, then every 15 s, with one timer in all', async () => {
    poller.start();
    await clock.advance(45_000);
    assert.deepEqual(askedAt, [0, 15, 30, 45]);
    assert.equal(clock.pendingTimers, 1);
    poller.stop();
    await clock.advance(60_000);
    assert.deepEqual([askedAt.length, clock.pendingTimers], [4, 0]);
  });

  it('a period later where the sign-in just asked', async () => {
    poller.start(true);
    await clock.advance(15_000);
    assert.deepEqual(askedAt, [15]);
  });

  it('5,761 times in a day that it is open: with one read each at most 6,000', async () => {
    poller.start();
    await clock.advance(dayMs);
    assert.equal(askedAt.length, dayMs / pollMs + 1);
    assert.ok(askedAt.length <= 6000);
  });

  it('never while it is hidden, without a timer, and at once when it comes to sight', async () => {
    poller.start();
    await clock.advance(20_000);
    see(false);
    assert.equal(clock.pendingTimers, 0);
    await clock.advance(600_000);
    see(true);
    await clock.advance(15_000);
    assert.deepEqual(askedAt, [0, 15, 620, 635]);
  });

  it('not at all where it is opened in the background, until it is seen', async () => {
    isVisible = false;
    poller.start();
    await clock.advance(60_000);
    assert.deepEqual(askedAt, []);
    see(true);
    await clock.advance(0);
    assert.deepEqual(askedAt, [60]);
  });

  it('no more often for somebody who goes from tab to tab', async () => {
    poller.start();
    for (let turn = 0; turn < 10; turn += 1) {
      see(false);
      await clock.advance(500);
      see(true);
      await clock.advance(500);
    }
    assert.deepEqual(askedAt, [0, 5, 10]);
  });

  it('once at a time, however long the answer takes and whoever wishes', async () => {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    outcome = promise;
    poller.start();
    await clock.advance(14_000);
    poller.askNow();
    see(false);
    see(true);
    await clock.advance(60_000);
    assert.deepEqual(askedAt, [0]);
    resolve({ ok: true });
    outcome = { ok: true };
    await clock.advance(15_000);
    assert.deepEqual(askedAt, [0, 89]);
  });

  it('at once when somebody wishes, and a period after that', async () => {
    poller.start();
    await clock.advance(3_000);
    poller.askNow();
    await clock.advance(15_000);
    assert.deepEqual(askedAt, [0, 3, 18]);
  });

  it('more rarely as long as it fails, up to every 2 min, and as before once it does not', async () => {
    outcome = { ok: false };
    poller.start();
    await clock.advance(15_000 + 30_000 + 60_000 + 120_000 + 120_000);
    assert.deepEqual(askedAt, [0, 15, 45, 105, 225, 345]);
    outcome = { ok: true };
    await clock.advance(135_000);
    assert.deepEqual(askedAt.slice(6), [465, 480]);
  });

  it('not before the time that Retry-After names, not even when wished for or come to sight', async () => {
    outcome = { ok: false, retryAfterMs: 40_000 };
    poller.start();
    await clock.advance(1_000);
    outcome = { ok: true };
    poller.askNow();
    see(false);
    see(true);
    await clock.advance(38_000);
    assert.deepEqual(askedAt, [0]);
    await clock.advance(1_000);
    assert.deepEqual(askedAt, [0, 40]);
  });

  it('after 10 min at the latest, whatever Retry-After says', () => {
    assert.equal(delayMs(1, 86_400_000), 600_000);
    assert.equal(delayMs(1), 15_000);
    assert.equal(delayMs(1000), 120_000);
    assert.equal(delayMs(0, 86_400_000), pollMs);
  });
});
