import { amountsOf, costsOf, scaledAmounts } from '../local/bill/bill.ts';
import { prices } from '../local/bill/prices.ts';
import { Api } from './shared/api.ts';
import { seeded } from './shared/random.ts';
import { moving, replay, type TimedRequest } from './shared/replay.ts';
import { type BenchReport, printTargets, round, type Target } from './shared/report.ts';
import { withStandingStack } from './shared/standingStack.ts';
import { dollars, printTable } from './shared/table.ts';

const miners = 200;
/** Each miner polls in two loops that know nothing of each other, as existing miners do. */
const loops = 2;
const everyMs = 10_000;
const warmMs = 10_000;
const spanMs = 120_000;
/** Bytes of a task's text that make an answer of 500 bytes. */
const textBytes = 50;
const monthMs = 30 * 86_400_000;
const moreBytes = 100;
/** Most dollars a month by POLL_CACHE_SECONDS, for answers of up to 0.5 KB. */
const limits: Readonly<Record<number, number | undefined>> = { 5: 55, 30: 25 };

/** Dollars of a month of 200 polling miners with a task open each, and the copies used, by POLL_CACHE_SECONDS. */
export async function polls(): Promise<BenchReport> {
  const targets: Target[] = [];
  const figures: Record<string, number> = {};
  const rows: (string | number)[][] = [];
  for (const cacheSeconds of [0, 5, 30]) {
    const { requests, hits, bytes, bodyBytes, costs } = await monthWith(cacheSeconds);
    const withoutLogs = costs.total - costs.logging;
    rows.push([
      cacheSeconds,
      `${Math.round((100 * hits) / requests)} %`,
      bodyBytes,
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
    [
      'cached, s',
      'copies',
      'body',
      'bytes',
      'fees',
      'instances',
      'Firestore',
      'traffic',
      'logs',
      'without logs',
    ],
    rows,
  );
  const more = ((miners * loops * monthMs) / everyMs) * moreBytes * prices.hostingByte;
  console.log(`  ${moreBytes} bytes more in each answer: ${dollars(more)}`);
  return { name: 'polls', figures, missed: printTargets(targets) };
}

async function monthWith(cacheSeconds: number) {
  return await withStandingStack({ POLL_CACHE_SECONDS: String(cacheSeconds) }, async (stack) => {
    const api = new Api(stack);
    await replay(stack, api, [openTasks()]);
    await stack.advance(warmMs);
    // All instances start and read the tasks before, as they have in nearly all of a month.
    await replay(stack, api, together());
    await replay(stack, api, pollsOf(warmMs));
    const { body } = await moving(stack, () => api.expect(pathOf(0), { method: 'GET', role: 'miner' }));
    stack.resetUsage();
    await replay(stack, api, pollsOf(spanMs));
    const usage = stack.usage();
    const costs = costsOf(scaledAmounts(amountsOf(usage), monthMs / spanMs));
    return { ...usage.hosting, bodyBytes: JSON.stringify(body).length, costs };
  });
}

/** A task for each miner, of which its answers hold half a kilobyte; its text is as hard to compress as code names. */
function openTasks(): TimedRequest {
  const random = seeded(2);
  const lines = Array.from({ length: miners }, (_, uid) => {
    let text = '';
    while (text.length < textBytes) text += `${Math.floor(random() * 1e9).toString(36)} `;
    return JSON.stringify({
      type: 'task',
      task_id: `00000000-0000-4000-8000-${Math.floor(random() * 1e12)
        .toString(16)
        .padStart(12, '0')}`,
      task_type: 'text_translation',
      visibility: 'prompt',
      input_text: { text: text.slice(0, textBytes), source_language: 'en', target_language: 'de' },
      assigned_miners: [uid],
    });
  });
  const text = { type: 'application/x-ndjson', content: lines.join('\n') };
  return { atMs: 0, path: '/v1/events', sent: { text } };
}

/** Polls that come at once, to addresses that no copy is used of later. */
function together(): TimedRequest[] {
  return Array.from({ length: 16 }, (_, uid) => {
    return { atMs: 0, path: `/api/v1/miners/${uid}/tasks`, sent: { method: 'GET', role: 'miner' } };
  });
}

function pathOf(uid: number): string {
  return `/api/v1/miners/${uid}/tasks?status=assigned`;
}

/** Polls of all loops, each from a time of its own. */
function pollsOf(forMs: number): TimedRequest[] {
  const random = seeded(1);
  const requests = Array.from({ length: miners * loops }, (_, index) => {
    const fromMs = Math.floor(random() * everyMs);
    const path = pathOf(index % miners);
    return Array.from({ length: Math.floor(forMs / everyMs) }, (_each, round): TimedRequest => {
      return { atMs: fromMs + round * everyMs, path, sent: { method: 'GET', role: 'miner' } };
    });
  });
  return requests.flat().sort((a, b) => a.atMs - b.atMs);
}
