import { writeFileSync } from 'node:fs';
import {
  type AmountsByCause,
  type BatchSeconds,
  causesOf,
  type MeasuredRun,
  type ProfileName,
  ways,
  withoutCauses,
} from './cost/coefficients.ts';
import { coefficientsFile, readCoefficients } from './cost/coefficientsFile.ts';
import { billOf, daysAMonth, eventsPerTask, type Traffic } from './cost/month.ts';
import { measuredPoll } from './cost/pollRun.ts';
import { rateTable } from './cost/report.ts';
import { Api } from './shared/api.ts';
import { loadOf } from './shared/load.ts';
import { batchesOf, replay, requestsOf, type TimedRequest } from './shared/replay.ts';
import type { BenchReport } from './shared/report.ts';
import { withStandingStack } from './shared/standingStack.ts';
import { dollars } from './shared/table.ts';

/** Events a second that a way is measured at. */
const rates = [0.01, 0.1, 1, 10, 20, 50, 100];
/** The rate of the runs that differ by their responses, where none of a task's share a request with another's. */
const variantRate = 1;
const traceResponses = 3;
/** Bytes of the trace's responses in the mean; most are smaller. */
const traceBytes = 1_716;

const fewestTasks = 30;
/** Long, as what waits does so for up to a minute; at high rates shorter, as there are events enough. */
const spanSeconds = 200;
const mostEvents = 9_000;
/** Tasks before those that count, so that most starts are not theirs. */
const firstTasks = 3;
/** All that is buffered is written by then. */
const bufferedMs = 130_000;
/** All is written by then, and the deadlines of the tasks that were left incomplete have passed. */
const restMs = 3_700_000;
const monthMs = daysAMonth * 24 * 3_600_000;

const traceTraffic: Traffic = {
  tasksPerDay: 0,
  responsesPerTask: traceResponses,
  responseBytes: traceBytes,
  hoursADay: 24,
  batchSeconds: 0,
  profile: 'default',
  miners: 0,
  pollsPerMinute: 0,
  pollBytes: 0,
  pollCacheSeconds: 0,
  excludesRequestLogs: false,
};

interface Load {
  batchSeconds: BatchSeconds;
  profile: ProfileName;
  eventsPerSecond: number;
  responses?: number;
  responseBytes?: number;
}

/**
 * Measures what an idle month, a poll and, at several rates, a task cost, and writes it to bench/coefficients.json:
 * each run as soon as it is measured, in the place of the one before of the same load.
 */
export async function month(): Promise<BenchReport> {
  const coefficients = readCoefficients();
  coefficients.idle_month = await idleMonth();
  coefficients.poll = await measuredPoll();
  coefficients.measured = `npm run bench -- month, ${new Date().toISOString().slice(0, 10)}`;
  const loads: Load[] = rates.flatMap((eventsPerSecond) => ways.map((way) => ({ ...way, eventsPerSecond })));
  console.log('Dollars for a million events by list price, without what an idle month costs');
  await twoAtATime([...variants, ...loads], async (load) => {
    const run = await measured(load, coefficients.idle_month);
    console.log(lineOf(run));
    coefficients.runs = [...coefficients.runs.filter((other) => keyOf(other) !== keyOf(run)), run];
    writeFileSync(coefficientsFile, `${JSON.stringify(coefficients, rounded, 1)}\n`);
  });
  console.log('\nDollars a month, list price / after free amounts');
  for (const line of rateTable(traceTraffic, [0, ...rates], coefficients)) console.log(line);
  const idle = billOf(coefficients.idle_month).list.total;
  return { name: 'month', figures: { 'idle month': idle }, missed: [] };
}

const variants: Load[] = [
  ...[1, 10].map((responses) => variant({ responses })),
  ...[8_000, 40_000, 200_000].map((responseBytes) => variant({ responseBytes })),
];

/** The load of a run. */
function keyOf(run: MeasuredRun): string {
  const { batch_seconds, profile, responses_per_task, response_bytes, events_per_s } = run;
  return [batch_seconds, profile, responses_per_task, response_bytes, events_per_s].join(' ');
}

function variant(differing: Pick<Load, 'responses' | 'responseBytes'>): Load {
  return { batchSeconds: 0, profile: 'default', eventsPerSecond: variantRate, ...differing };
}

const env = (profile: ProfileName) => ({ PROFILE: profile, POLL_CACHE_SECONDS: '0' });

async function idleMonth(): Promise<AmountsByCause> {
  const days = 0.5;
  return await withStandingStack(env('default'), async (stack) => {
    await stack.advance(3_600_000);
    stack.resetUsage();
    await stack.advance((days * monthMs) / daysAMonth);
    return causesOf(stack.usage(), daysAMonth / days, days / daysAMonth);
  });
}

const attempts = 3;

/**
 * Measures one load. A run in which the queue had to deliver again is measured again: while time stands still between
 * what happens, a call can miss its end that would not miss it in truth.
 */
async function measured(load: Load, idle: AmountsByCause): Promise<MeasuredRun> {
  for (let left = attempts; left > 0; left -= 1) {
    const run = await measuredOnce(load, idle);
    if (!Object.keys(run.per_task).some((cause) => cause.endsWith(': retry'))) return run;
    console.log(`again: ${lineOf(run)}`);
  }
  throw new Error(`The queue delivered again in each of ${attempts} runs.`);
}

async function measuredOnce(load: Load, idle: AmountsByCause): Promise<MeasuredRun> {
  const { batchSeconds, profile, eventsPerSecond } = load;
  const { responses = traceResponses, responseBytes } = load;
  const wanted = Math.min(mostEvents, spanSeconds * eventsPerSecond);
  const tasks = Math.max(fewestTasks, Math.round(wanted / eventsPerTask(responses)));
  const requestsFor = (name: string, count: number): TimedRequest[] => {
    const events = loadOf({ name, tasks: count, eventsPerSecond, responses, responseBytes });
    return batchSeconds === 0
      ? requestsOf(events, 'default')
      : batchesOf(events, 'default', batchSeconds * 1000);
  };
  return await withStandingStack(env(profile), async (stack) => {
    const api = new Api(stack);
    await replay(stack, api, requestsFor('first', firstTasks));
    await stack.advance(bufferedMs);
    stack.resetUsage();
    const startedMs = stack.now();
    await replay(stack, api, requestsFor('load', tasks));
    await stack.advance(restMs);
    const months = (stack.now() - startedMs) / monthMs;
    return {
      batch_seconds: batchSeconds,
      profile,
      responses_per_task: responses,
      response_bytes: responseBytes ?? traceBytes,
      events_per_s: eventsPerSecond,
      tasks,
      per_task: withoutCauses(causesOf(stack.usage(), 1 / tasks), idle, months / tasks),
    };
  });
}

/** Works on the items in their order, on two at a time: stacks that stand still share a machine. */
async function twoAtATime<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  await Promise.all([worker(), worker()]);
}

function lineOf(run: MeasuredRun): string {
  const { list } = billOf(run.per_task);
  const million = 1_000_000 / eventsPerTask(run.responses_per_task);
  const way = run.batch_seconds === 0 ? 'one by one' : `batches of ${run.batch_seconds} s`;
  const dear = (['firestore', 'tasks', 'requests', 'instances', 'storage', 'logging'] as const).map(
    (service) => `${service} ${dollars(list[service] * million)}`,
  );
  return (
    `  ${way}, ${run.profile}, ${run.responses_per_task} responses of ${run.response_bytes} bytes, ` +
    `${run.events_per_s} events/s: ${dollars(list.total * million)} (${dear.join(', ')})`
  );
}

/** Six digits are more than what was measured is worth. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(6)) : value;
}
