import {
  type AmountsByCause,
  batchSeconds,
  type Coefficients,
  sumOfCauses,
} from '../../../bench/cost/coefficients.ts';
import { daysAMonth, eventsPerTask, monthOf, type Traffic } from '../../../bench/cost/month.ts';
import { plainMonth } from '../../../bench/cost/plain.ts';
import type { PlainWay } from '../../../bench/shared/plain.ts';
import type { Price } from '../../../local/bill/prices.ts';
import type { Counts, Use } from './use.ts';

const secondsAMonth = daysAMonth * 86_400;

/** Taken where nothing says how many answers a task has. */
const usualResponses = 3;
const maxResponses = 256;

/**
 * The amounts of a use that was spread over so many seconds. Firestore's are those that were counted; all others are
 * as measured for as many events at that rate, between one request for each event and batches by the events that one
 * carrier had. What runs without any traffic is not in it.
 */
export function amountsOfUse(use: Use, seconds: number, coefficients: Coefficients): AmountsByCause {
  const { writes, reads, deletes, counts } = use;
  const counted = { Firestore: { firestoreWrite: writes, firestoreRead: reads, firestoreDelete: deletes } };
  return sumOfCauses(withoutFirestore(measuredFor(counts, seconds, coefficients)), counted);
}

/** The amounts of the same events the plain way: a write for each, and two reads before each answer. */
export function plainAmountsOfUse(way: PlainWay, { counts }: Use, seconds: number): AmountsByCause {
  if (seconds <= 0) return {};
  const month = plainMonth(way, trafficOf(counts, seconds, 0));
  const firestore = {
    firestoreWrite: eventsOf(counts) + counts.files,
    firestoreRead: (way === 'BulkWriter' ? 0 : 2 * counts.responses) + counts.polls,
  };
  return sumOfCauses(withoutFirestore(scaled(month, seconds / secondsAMonth)), { Firestore: firestore });
}

/** A share of the month in which nothing comes. */
export function idleAmounts(seconds: number, { idle_month }: Coefficients): AmountsByCause {
  return scaled(idle_month, seconds / secondsAMonth);
}

function eventsOf({ tasks, changes, responses, operations }: Counts): number {
  return tasks + changes + responses + operations;
}

function measuredFor(counts: Counts, seconds: number, coefficients: Coefficients): AmountsByCause {
  if (seconds <= 0) return {};
  const events = eventsOf(counts);
  const moving = { ...coefficients, idle_month: {} };
  const ways = batchSeconds
    .map((each) => {
      const causes = scaled(monthOf(trafficOf(counts, seconds, each), moving), seconds / secondsAMonth);
      return { causes, carriers: carriersOf(causes) };
    })
    .toSorted((a, b) => b.carriers - a.carriers);
  const next = ways.findIndex(({ carriers }) => carriers <= counts.carriers);
  const after = ways.at(next);
  const before = ways[next - 1] ?? after;
  if (events === 0 || next <= 0 || before === undefined || after === undefined) {
    return (next === 0 ? ways[0] : ways.at(-1))?.causes ?? {};
  }
  const share = (before.carriers - counts.carriers) / (before.carriers - after.carriers);
  return sumOfCauses(scaled(before.causes, 1 - share), scaled(after.causes, share));
}

/** Traffic of a month at the same rate of events. Document operations cost what events of tasks cost. */
function trafficOf(counts: Counts, seconds: number, batchSecondsOf: Traffic['batchSeconds']): Traffic {
  const { tasks, responses, polls } = counts;
  const perTask = tasks === 0 ? usualResponses : Math.round(responses / tasks);
  const responsesPerTask = Math.min(maxResponses, Math.max(1, perTask));
  return {
    tasksPerDay: (eventsOf(counts) / eventsPerTask(responsesPerTask) / seconds) * 86_400,
    responsesPerTask,
    responseBytes: 1700,
    hoursADay: 24,
    batchSeconds: batchSecondsOf,
    profile: 'default',
    miners: 1,
    pollsPerMinute: (polls / seconds) * 60,
    pollBytes: 500,
    // Those that a cache answers never reach who counts.
    pollCacheSeconds: 0,
    excludesRequestLogs: false,
  };
}

/** Requests to the flush: each delivers a carrier. */
function carriersOf(causes: AmountsByCause): number {
  return Object.entries(causes)
    .filter(([cause]) => cause.startsWith('flush'))
    .reduce((sum, [, { functionRequest = 0 }]) => sum + functionRequest, 0);
}

function withoutFirestore(causes: AmountsByCause): AmountsByCause {
  return Object.fromEntries(Object.entries(causes).filter(([cause]) => !/Firestore$/.test(cause)));
}

/** So many times the same. */
export function scaled(causes: AmountsByCause, factor: number): AmountsByCause {
  const times = ([price, amount]: [string, number]): [string, number] => [price, amount * factor];
  return Object.fromEntries(
    Object.entries(causes).map(([cause, amounts]) => [
      cause,
      Object.fromEntries((Object.entries(amounts) as [Price, number][]).map(times)),
    ]),
  );
}
