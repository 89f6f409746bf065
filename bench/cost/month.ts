import { type Amounts, afterFree, type Costs, costsOf } from '../../local/bill/bill.ts';
import type { Price } from '../../local/bill/prices.ts';
import { requestLogBytes } from '../../local/functions/usage.ts';
import {
  type AmountsByCause,
  type BatchSeconds,
  type Coefficients,
  logsCause,
  type MeasuredRun,
  type ProfileName,
  sumOfCauses,
  totalOf,
  withoutCauses,
} from './coefficients.ts';
import { onLine, type Point, risingOf, usedAt } from './curve.ts';
import { type Polling, pollCauses } from './polls.ts';

/** An operator's traffic and settings. */
export interface Traffic extends Polling {
  tasksPerDay: number;
  responsesPerTask: number;
  responseBytes: number;
  /** Hours of the day over which the tasks come evenly. */
  hoursADay: number;
  batchSeconds: BatchSeconds;
  profile: ProfileName;
  /** Cloud Logging leaves out the platform's line for each request. */
  excludesRequestLogs: boolean;
}

export interface Bill {
  list: Costs;
  afterFree: Costs;
  /** Dollars by list prices, the dearest first. */
  byCause: Record<string, number>;
}

export const daysAMonth = 30;

/** A task is created and changed once (assigned) besides its responses. */
export function eventsPerTask(responsesPerTask: number): number {
  return 2 + responsesPerTask;
}

/** Events of a second in the hours in which they come. */
export function eventsPerSecond({ tasksPerDay, responsesPerTask, hoursADay }: Traffic): number {
  return (tasksPerDay * eventsPerTask(responsesPerTask)) / (hoursADay * 3600);
}

/** Amounts of a month, by cause. Zero traffic leaves the idle month. */
export function monthOf(traffic: Traffic, coefficients: Coefficients): AmountsByCause {
  const month = sumOfCauses(
    coefficients.idle_month,
    taskCauses(traffic, coefficients),
    pollCauses(traffic, coefficients, daysAMonth),
  );
  if (!traffic.excludesRequestLogs) return month;
  const requests = totalOf(month).functionRequest;
  return withoutCauses(month, { [logsCause]: { logByte: requestLogBytes } }, requests);
}

export function billOf(month: AmountsByCause): Bill {
  const total = totalOf(month);
  const byCause = Object.entries(month)
    .map(([cause, amounts]): [string, number] => [cause, costsOf(totalOf({ [cause]: amounts })).total])
    .filter(([, dollars]) => dollars > 0)
    .toSorted(([, a], [, b]) => b - a);
  return {
    list: costsOf(total),
    afterFree: costsOf(afterFree(total)),
    byCause: Object.fromEntries(byCause),
  };
}

/** AmountsByCause that follow the number of tasks, where what else follows the number of events. */
const followsTasks = /^(flush|expire|filed|cleanup|sweep|Firestore|Cloud Storage)/;

function taskCauses(traffic: Traffic, { runs }: Coefficients): AmountsByCause {
  const events = eventsPerSecond(traffic);
  if (events === 0) return {};
  const seconds = traffic.hoursADay * 3600 * daysAMonth;
  const { batchSeconds, profile, responsesPerTask } = traffic;
  const tasksRate = events / eventsPerTask(responsesPerTask);
  const rates = ratesOf(runs, batchSeconds, profile);
  const variants = new Variants(runs);
  const causes: Record<string, Partial<Amounts>> = {};
  for (const [cause, price] of pricesOf([...rates, ...variants.runs])) {
    const isByTask = followsTasks.test(cause);
    const points = rates.map((run): Point => {
      const tasks = run.events_per_s / eventsPerTask(run.responses_per_task);
      const value = (run.per_task[cause]?.[price] ?? 0) * tasks;
      return { at: isByTask ? tasks : run.events_per_s, value };
    });
    const used = isByTask
      ? usedAt(points, tasksRate) * variants.factor(cause, price, responsesPerTask)
      : usedAt(points, events);
    const larger = variants.extra(cause, price, traffic.responseBytes) * responsesPerTask * tasksRate;
    causes[cause] = { ...causes[cause], [price]: (used + larger) * seconds };
  }
  return causes;
}

/** Responses of a task in the runs that differ by their rates alone. */
const referenceResponses = 3;

/** The runs of one way that differ by their rates alone: of the reference's responses and the smallest size. */
function ratesOf(
  runs: readonly MeasuredRun[],
  batchSeconds: BatchSeconds,
  profile: ProfileName,
): MeasuredRun[] {
  const own = runs.filter((run) => run.batch_seconds === batchSeconds && run.profile === profile);
  const sizes = runs.map((run) => run.response_bytes);
  const found = own.filter(
    (run) => run.responses_per_task === referenceResponses && run.response_bytes === Math.min(...sizes),
  );
  if (found.length === 0) throw new Error(`No run was measured by ${batchSeconds} s in profile ${profile}.`);
  return found;
}

/** Runs at one rate that differ by the responses of a task or their size: one by one, default profile. */
class Variants {
  readonly runs: readonly MeasuredRun[];

  constructor(all: readonly MeasuredRun[]) {
    const ownRates = ratesOf(all, 0, 'default');
    const varied = all.filter(
      (run) => run.batch_seconds === 0 && run.profile === 'default' && !ownRates.includes(run),
    );
    const reference = ownRates.find(({ events_per_s }) => events_per_s === varied[0]?.events_per_s);
    this.runs = reference === undefined ? [] : [reference, ...varied];
  }

  /** A task's cost with so many responses, as a multiple of the one with the reference's. */
  factor(cause: string, price: Price, responsesPerTask: number): number {
    const [reference] = this.runs;
    const base = reference?.per_task[cause]?.[price] ?? 0;
    if (reference === undefined || base === 0) return 1;
    const points = this.runs
      .filter((run) => run.response_bytes === reference.response_bytes)
      .map((run) => ({ at: run.responses_per_task, value: (run.per_task[cause]?.[price] ?? 0) / base }));
    return onLine(risingOf(points), responsesPerTask) / onLine(risingOf(points), referenceResponses);
  }

  /** A response's cost beyond that of one of the smallest measured size. */
  extra(cause: string, price: Price, bytes: number): number {
    const [reference] = this.runs;
    if (reference === undefined || bytes <= reference.response_bytes) return 0;
    const base = reference.per_task[cause]?.[price] ?? 0;
    const points = this.runs
      .filter((run) => run.responses_per_task === referenceResponses)
      .map((run) => ({
        at: run.response_bytes,
        value: ((run.per_task[cause]?.[price] ?? 0) - base) / referenceResponses,
      }));
    return onLine(risingOf(points), bytes);
  }
}

/** Each cause with each price that some run has. */
function pricesOf(runs: readonly MeasuredRun[]): [string, Price][] {
  const found = new Map<string, [string, Price]>();
  for (const { per_task } of runs) {
    for (const [cause, amounts] of Object.entries(per_task)) {
      for (const price of Object.keys(amounts) as Price[]) found.set(`${cause} ${price}`, [cause, price]);
    }
  }
  return [...found.values()];
}
