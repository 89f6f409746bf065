import assert from 'node:assert/strict';
import { delay } from '../../functions/src/platform/clock.ts';
import { plenty } from './scene.ts';
import { World } from './world.ts';

const holders = 50;
const startMs = Date.UTC(2026, 0, 1, 20);

/** Time that a new holder takes until it may write once. */
async function firstWriteMs(world: World): Promise<number> {
  const holder = world.holder();
  await delay(world.time, world.random() * 1_000);
  const fromMs = world.time.now();
  for (;;) {
    const decision = await holder.acquire('writes', 1, 10_000);
    if (decision.isGranted) return world.time.now() - fromMs;
    await delay(world.time, Math.max(1, decision.retryAtMs - world.time.now()));
  }
}

describe('Quota: fifty instances that start within a second, far from the ledger', () => {
  it('write within seconds, though only one at a time can change the ledger', async () => {
    for (let seed = 1; seed <= 3; seed += 1) {
      const world = new World({ seed, startMs, limits: plenty });
      const waits: number[] = [];
      for (let index = 0; index < holders; index += 1) void firstWriteMs(world).then((ms) => waits.push(ms));
      await world.time.runUntil(startMs + 60_000);
      assert.equal(waits.length, holders, `seed ${seed}`);
      const sorted = waits.toSorted((a, b) => a - b);
      assert.ok((sorted[holders / 2] ?? 0) < 6_000, `seed ${seed}: half within ${sorted[holders / 2]} ms`);
      assert.ok((sorted.at(-1) ?? 0) < 20_000, `seed ${seed}: all within ${sorted.at(-1)} ms`);
      assert.ok(world.ledgerReads <= 6 * holders, `seed ${seed}: ${world.ledgerReads} reads`);
    }
  });
});
