import assert from 'node:assert/strict';
import { delay } from '../../functions/src/platform/clock.ts';
import type { LeaseHolder } from '../../functions/src/quota/holder.ts';
import { total, World } from './world.ts';

const limits = {
  rates: { writes: 800, reads: 8_000, deletes: 400 },
  perMinute: { writes: 50_000, reads: 500_000, deletes: 25_000 },
  daily: { writes: 20_000, reads: 50_000, deletes: 20_000 },
};
const hourMs = 3_600_000;
/** Midnight in Los Angeles. */
const resetMs = Date.UTC(2026, 0, 2, 8);
const startMs = resetMs - 5 * hourMs;
const endMs = resetMs + 24 * hourMs;

/** Writes a burst every so often, as long as it lives. */
async function work(
  world: World,
  holder: LeaseHolder,
  burst: number,
  everyMs: number,
  untilMs: number,
): Promise<void> {
  const { time } = world;
  while (time.now() < untilMs) {
    for (let left = burst; left > 0; ) {
      const size = await holder.commitSize(left);
      const writes = typeof size === 'number' ? Math.min(left, size) : 1;
      const decision = await holder.acquire('writes', writes, 10_000);
      if (time.now() >= untilMs) return;
      if (decision.isGranted) {
        world.write(writes);
        left -= writes;
      } else await delay(time, Math.max(1, decision.retryAtMs - time.now()));
    }
    await delay(time, everyMs * (0.5 + world.random()));
  }
}

/** Reads as often as it may, one after the other, as long as it lives. Returns how many. */
async function read({ time }: World, holder: LeaseHolder, everyMs: number, untilMs: number): Promise<number> {
  let reads = 0;
  while (time.now() < untilMs) {
    const decision = await holder.acquire('reads', 1, 1_000);
    if (decision.isGranted) reads += 1;
    const pauseMs = decision.isGranted ? everyMs : decision.retryAtMs - time.now();
    await delay(time, Math.max(1, Math.min(pauseMs, untilMs - time.now())));
  }
  return reads;
}

describe('Quota: days on the free tier', function () {
  this.timeout(60_000);

  it('keep reads for the flush however much is polled, and for the API however much is flushed', async () => {
    for (const [greedy, modest] of [
      ['api', 'flush'],
      ['flush', 'api'],
    ] as const) {
      const world = new World({ seed: 7, startMs: resetMs, limits });
      const taken = Promise.all([1, 2, 3].map(() => read(world, world.holder(greedy), 200, endMs)));
      // Its work begins when nothing else is left.
      const rest = delay(world.time, 12 * hourMs).then(() => read(world, world.holder(modest), 5_000, endMs));
      await world.time.runUntil(endMs + 1_000);
      const sum = (await taken).reduce((all, each) => all + each, 0);
      const kept = await rest;
      assert.ok(kept >= 4_500, `${kept} reads by ${modest}`);
      assert.ok(sum >= 42_000, `${sum} reads by ${greedy}`);
      assert.ok(sum + kept + world.ledgerReads <= 50_000, `${sum} + ${kept} + ${world.ledgerReads}`);
    }
  });

  it('use nearly all of 20,000 writes and not one more, with idle holders, crashes and the reset @slow', async () => {
    for (let seed = 1; seed <= 5; seed += 1) {
      const world = new World({ seed, startMs, limits });
      for (let index = 0; index < 3; index += 1) void work(world, world.holder(), 40, 180_000, endMs);
      // Each takes a lease with one write and never asks again.
      for (let index = 0; index < 4; index += 1) {
        void work(world, world.holder(), 1, 1, startMs + 1);
        void delay(world.time, resetMs - startMs + hourMs).then(() =>
          work(world, world.holder(), 1, 1, resetMs + hourMs),
        );
      }
      // They die in the middle of their work, with what they had.
      for (const dieAtMs of [startMs + 600_000, resetMs - 500, resetMs + 2 * hourMs]) {
        void delay(world.time, Math.max(0, dieAtMs - startMs - 300_000)).then(() =>
          work(world, world.holder(), 100, 20_000, dieAtMs),
        );
      }
      await world.time.runUntil(endMs);

      const all = [...world.arrivals, ...world.ledgerArrivals];
      const days = { first: [startMs, resetMs], second: [resetMs, endMs] } as const;
      for (const [name, [from, to]] of Object.entries(days)) {
        const billed = total(all, from, to);
        assert.ok(billed <= 20_000, `seed ${seed}, ${name} day: ${billed} writes`);
      }
      const usable = total(world.arrivals, ...days.second);
      assert.ok(usable >= 19_000, `seed ${seed}: ${usable} writes usable`);
    }
  });
});
