import assert from 'node:assert/strict';
import { busiest, Instance, ProxyHolder, total, World } from './world.ts';

const minutes = 10;
const seeds = Number(process.env['SLUICE_TEST_SEEDS'] ?? 40);
const seedsPerTest = 10;
const limits = {
  rates: { writes: 800, reads: 8_000, deletes: 400 },
  perMinute: { writes: 50_000, reads: 500_000, deletes: 25_000 },
  daily: { writes: 0, reads: 0, deletes: 0 },
};
const startMs = Date.UTC(2026, 0, 1, 20);
const endMs = startMs + minutes * 60_000;

/** Eight instances and four proxies want three times what is granted; with odd seeds three instances die midway. */
async function run(seed: number): Promise<World> {
  const world = new World({ seed, startMs, limits });
  const instances = Array.from({ length: 8 }, () => new Instance(world));
  for (const instance of instances) instance.start(endMs);
  for (let index = 0; index < 4; index += 1) {
    void new ProxyHolder(world, `proxy-${index}`, { amount: 6_000, termMs: 30_000 }).start(endMs);
  }
  await world.time.runUntil(startMs + minutes * 60_000 * (0.3 + 0.4 * world.random()));
  if (seed % 2 === 1) for (const instance of instances.slice(0, 3)) instance.kill();
  await world.time.runUntil(endMs);
  return world;
}

describe('Quota: eight instances and four proxies that want three times the limit, for ten minutes @slow', function () {
  this.timeout(120_000);

  for (let first = 1; first <= seeds; first += seedsPerTest) {
    it(`stay within it and use it, with seeds ${first} to ${first + seedsPerTest - 1}`, async () => {
      for (let seed = first; seed < first + seedsPerTest; seed += 1) {
        const world = await run(seed);
        const all = [...world.arrivals, ...world.ledgerArrivals];
        const of = `seed ${seed}`;
        for (const [windowMs, most] of [
          [1_000, 1_000],
          [10_000, 8_160],
          [60_000, 50_000],
        ] as const) {
          const writes = busiest(all, windowMs);
          assert.ok(writes <= most, `${of}: ${writes} in ${windowMs} ms`);
        }
        const used = total(all, startMs, endMs) / (limits.rates.writes * minutes * 60);
        assert.ok(used >= 0.95, `${of}: ${used} used`);
        const overhead = (total(world.ledgerArrivals) + world.ledgerReads) / total(world.arrivals);
        assert.ok(overhead <= 0.01, `${of}: ${overhead} for the ledger`);
      }
    });
  }
});
