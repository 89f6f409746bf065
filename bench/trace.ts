import { type Billed, perMillion, printBills, printCauses } from './shared/bills.ts';
import { plainWays, plainWayUsage } from './shared/plain.ts';
import { type BenchReport, printTargets, round, type Target } from './shared/report.ts';
import { beginning, replayRun, type TraceOptions, type TraceRun } from './shared/traceRun.ts';
import { readWorkload, type WorkloadEvent } from './shared/workload.ts';

type Way = Pick<TraceOptions, 'name' | 'batchMs' | 'profile' | 'asLines'>;

/** Two rows of ways that are replayed side by side: a stack waits most of the time, and there are two cores. */
const lanes: readonly (readonly Way[])[] = [
  [
    { name: 'one by one' },
    { name: 'one by one, by /v1/events', asLines: true },
    { name: 'one by one, small, by /v1/events', profile: 'small', asLines: true },
  ],
  [
    { name: 'one by one, small profile', profile: 'small' },
    { name: 'batches of 2 s', batchMs: 2_000 },
    { name: 'batches of 5 s', batchMs: 5_000 },
    { name: 'batches of 2 s, small profile', batchMs: 2_000, profile: 'small' },
    { name: 'batches of 5 s, small profile', batchMs: 5_000, profile: 'small' },
  ],
];

/** Most dollars for a million responses, request logs left out. */
const limits: Record<string, number> = {
  'one by one': 7.6,
  'one by one, by /v1/events': 7.6,
  'one by one, small profile': 4.8,
  'one by one, small, by /v1/events': 4.8,
  'batches of 2 s': 1.7,
  'batches of 5 s': 1.7,
  'batches of 2 s, small profile': 1.7,
};

/** Names of the ways whose instance time is shown by cause. */
const explained = new Set([
  'one by one',
  'one by one, by /v1/events',
  'one by one, small, by /v1/events',
  'one by one, small profile',
  'batches of 2 s',
]);

const sliceMs = 120_000;

/** The whole bill of the shared trace, sent in several ways, beside the plain ways. */
export async function trace(): Promise<BenchReport> {
  return billsOf('trace', readWorkload('trace'));
}

/** The same of its first two minutes: quicker, and starts weigh more. */
export async function slice(): Promise<BenchReport> {
  return billsOf('slice', beginning(readWorkload('trace'), sliceMs));
}

async function billsOf(name: string, events: readonly WorkloadEvent[]): Promise<BenchReport> {
  const runs = (await Promise.all(lanes.map((lane) => replayed(lane, events)))).flat();
  const bills = runs.map((run): Billed => ({ ...run, usage: run.flushed }));
  const responses = events.filter(({ kind }) => kind === 'response').length;
  const plain = plainWays.map((way): Billed => {
    return { name: `plain way: ${way}`, responses, usage: plainWayUsage(way, events) };
  });
  console.log('Dollars for a million responses by list prices (Firestore nam5, starts included)');
  printBills([...bills, ...plain]);
  for (const bill of bills.filter(({ name }) => explained.has(name))) printCauses(bill);
  return { name, ...judged(runs, bills) };
}

async function replayed(lane: readonly Way[], events: readonly WorkloadEvent[]): Promise<TraceRun[]> {
  const runs: TraceRun[] = [];
  for (const way of lane) runs.push(await replayRun({ ...way, events, visibility: 'default' }));
  return runs;
}

function judged(
  runs: readonly TraceRun[],
  bills: readonly Billed[],
): Pick<BenchReport, 'figures' | 'missed'> {
  const figures: Record<string, number> = {};
  const targets: Target[] = [];
  for (const bill of bills) {
    const { total, logging } = perMillion(bill);
    figures[`${bill.name}: dollars`] = round(total);
    const limit = limits[bill.name];
    if (limit !== undefined) targets.push({ name: `${bill.name}: dollars`, value: total - logging, limit });
  }
  for (const { name, wrongTasks } of runs) {
    targets.push({ name: `${name}: wrong tasks`, value: wrongTasks.length, limit: 0 });
    for (const wrong of wrongTasks.slice(0, 5)) console.log(`  ${name}: ${wrong}`);
  }
  console.log('\nTargets');
  return { figures, missed: printTargets(targets) };
}
