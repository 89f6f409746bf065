import { amountsOf, costsOf, scaledAmounts } from '../local/bill/bill.ts';
import { prices } from '../local/bill/prices.ts';
import { typicalLatencies } from '../local/shared/latencies.ts';
import { startStack } from '../local/stack.ts';
import { Api } from './shared/api.ts';
import { seeded } from './shared/random.ts';
import { replay, type TimedRequest } from './shared/replay.ts';
import { type BenchReport, printTargets, round, type Target } from './shared/report.ts';
import { dollars, printTable } from './shared/table.ts';

const miners = 200;
/** Each miner polls in two loops that know nothing of each other, as existing miners do. */
const loops = 2;
const everyMs = 10_000;
const warmMs = 10_000;
const spanMs = 120_000;
const monthMs = 30 * 86_400_000;
const moreBytes = 100;
/** Most dollars a month by POLL_CACHE_SECONDS, for answers of up to 0.5 KB. */
const limits: Readonly<Record<number, number | undefined>> = { 5: 55, 30: 25 };

/** A month of 200 polling miners that have no task open, by POLL_CACHE_SECONDS: the copies used, and the dollars. */
export async function polls(): Promise<BenchReport> {
  const targets: Target[] = [];
  const figures: Record<string, number> = {};
  const rows: (string | number)[][] = [];
  for (const cacheSeconds of [0, 5, 30]) {
    const { requests, hits, bytes, costs } = await monthWith(cacheSeconds);
    const withoutLogs = costs.total - costs.logging;
    rows.push([
      cacheSeconds,
      `${Math.round((100 * hits) / requests)} %`,
      Math.round(bytes / requests),
      ...[costs.requests, costs.instances, costs.firestore, costs.traffic, costs.logging].map(dollars),
      dollars(withoutLogs),
    ]);
    figures[`${cacheSeconds} s: dollars a month`] = round(withoutLogs);
    const limit = limits[cacheSeconds];
    if (limit !== undefined)
      targets.push({ name: `POLL_CACHE_SECONDS=${cacheSeconds}, dollars`, value: withoutLogs, limit });
  }
  console.log(`A month of ${miners} miners that poll every ${everyMs / 1000} s in each of ${loops} loops`);
  printTable(
    ['cached, s', 'copies', 'bytes', 'fees', 'instances', 'Firestore', 'traffic', 'logs', 'without logs'],
    rows,
  );
  const more = ((miners * loops * monthMs) / everyMs) * moreBytes * prices.hostingByte;
  console.log(`  ${moreBytes} bytes more in each answer: ${dollars(more)}`);
  return { name: 'polls', figures, missed: printTargets(targets) };
}

async function monthWith(cacheSeconds: number) {
  const stack = await startStack({
    ports: 'free',
    quiet: true,
    standStill: true,
    latencies: typicalLatencies,
    env: { POLL_CACHE_SECONDS: String(cacheSeconds) },
  });
  try {
    const api = new Api(stack);
    // Instances start and the tasks are read before, as they are in nearly all of a month.
    await replay(stack, api, pollsOf(warmMs).slice(0, 1));
    await replay(stack, api, pollsOf(warmMs));
    stack.resetUsage();
    await replay(stack, api, pollsOf(spanMs));
    const usage = stack.usage();
    const costs = costsOf(scaledAmounts(amountsOf(usage), monthMs / spanMs));
    return { ...usage.hosting, costs };
  } finally {
    await stack.close();
  }
}

/** Polls of all loops, each from a time of its own. */
function pollsOf(forMs: number): TimedRequest[] {
  const random = seeded(1);
  const requests = Array.from({ length: miners * loops }, (_, index) => {
    const fromMs = Math.floor(random() * everyMs);
    const path = `/api/v1/miners/${index % miners}/tasks?status=assigned`;
    return Array.from({ length: Math.floor(forMs / everyMs) }, (_each, round): TimedRequest => {
      return { atMs: fromMs + round * everyMs, path, sent: { method: 'GET', role: 'miner' } };
    });
  });
  return requests.flat().sort((a, b) => a.atMs - b.atMs);
}
