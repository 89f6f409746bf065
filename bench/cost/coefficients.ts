import { type Amounts, amountsOf } from '../../local/bill/bill.ts';
import { freePerMonth, type Price } from '../../local/bill/prices.ts';
import type { StackUsage } from '../../local/bill/usage.ts';

/**
 * Amounts by cause: a function, with what its requests are for where that matters, or a service. All causes together
 * are the whole bill.
 */
export type AmountsByCause = Readonly<Record<string, Partial<Amounts>>>;

/** Ways in which a proxy sends: each event as a request of its own, or what came in so many seconds in one. */
export const batchSeconds = [0, 2, 5] as const;
export type BatchSeconds = (typeof batchSeconds)[number];

export const profileNames = ['default', 'small'] as const;
export type ProfileName = (typeof profileNames)[number];

/** A way in which Sluice is used. */
export interface Way {
  batchSeconds: BatchSeconds;
  profile: ProfileName;
}

/** All ways, each of which is measured and shown. */
export const ways: readonly Way[] = batchSeconds.flatMap((seconds) =>
  profileNames.map((profile) => ({ batchSeconds: seconds, profile })),
);

/** One measured load. */
export interface MeasuredRun {
  /** 0: each event is a request of its own. */
  batch_seconds: BatchSeconds;
  profile: ProfileName;
  responses_per_task: number;
  response_bytes: number;
  events_per_s: number;
  tasks: number;
  /** Amounts of one task, from its creation to its deadline. */
  per_task: AmountsByCause;
}

/** Measured on the local stack: bench/coefficients.json, which `npm run bench -- month` writes. */
export interface Coefficients {
  /** When, and from what. */
  measured: string;
  /** A month without any traffic: jobs, secrets, and what schedules do. */
  idle_month: AmountsByCause;
  runs: MeasuredRun[];
  /** The poll of a miner. */
  poll: {
    /** A poll that reaches a function. */
    per_miss: AmountsByCause;
    /** Bytes of an answer besides its body. */
    header_bytes: number;
    /** Instances of the function that serves polls: each keeps a list of its own. */
    max_instances: number;
  };
}

/** Lines that functions print and the platform's for each request. */
export const logsCause = 'logs';

/** The price's units by the services that no function stands for. */
const services: Readonly<Record<string, readonly Price[]>> = {
  Firestore: ['firestoreRead', 'firestoreWrite', 'firestoreDelete'],
  'Cloud Tasks': ['tasksOperation'],
  'Cloud Storage': ['storageClassA', 'storageClassB'],
  'Hosting and egress': ['hostingByte', 'egressByte'],
  [logsCause]: ['logByte'],
  Scheduler: ['schedulerJob'],
  secrets: ['secretVersion', 'secretAccess'],
};

/** A usage by its causes, times `factor`; `months` is the time for which jobs and secrets stand. */
export function causesOf(usage: StackUsage, factor = 1, months = 0): AmountsByCause {
  const causes: Record<string, Partial<Amounts>> = {};
  for (const [name, { vcpu, memory_gib, by_cause }] of Object.entries(usage.functions.by_function)) {
    for (const [of, { requests, active_s }] of Object.entries(by_cause)) {
      add(causes, causeName(name, of), {
        functionRequest: requests * factor,
        vcpuSecond: active_s * vcpu * factor,
        gibSecond: active_s * memory_gib * factor,
      });
    }
  }
  const amounts = amountsOf(usage, months);
  for (const [service, prices] of Object.entries(services)) {
    for (const price of prices) add(causes, service, { [price]: amounts[price] * factor });
  }
  return causes;
}

/** Deliveries of the queue are told apart, and starts, not the routes of one function. */
function causeName(functionName: string, of: string): string {
  return /[ /]/.test(of) ? functionName : `${functionName}: ${of}`;
}

/** All amounts of these causes, by cause added. */
export function sumOfCauses(...many: readonly AmountsByCause[]): AmountsByCause {
  const sum: Record<string, Partial<Amounts>> = {};
  for (const causes of many) for (const [cause, amounts] of Object.entries(causes)) add(sum, cause, amounts);
  return sum;
}

/** The amounts of all causes together. */
export function totalOf(causes: AmountsByCause): Amounts {
  const total = Object.fromEntries(Object.keys(freePerMonth).map((price) => [price, 0])) as Amounts;
  for (const amounts of Object.values(causes)) {
    for (const [price, amount] of Object.entries(amounts) as [Price, number][]) total[price] += amount;
  }
  return total;
}

function add(causes: Record<string, Partial<Amounts>>, cause: string, amounts: Partial<Amounts>): void {
  const sum = { ...causes[cause] };
  for (const [price, amount] of Object.entries(amounts) as [Price, number][]) {
    if (amount !== 0) sum[price] = (sum[price] ?? 0) + amount;
  }
  if (Object.keys(sum).length > 0) causes[cause] = sum;
}

/** AmountsByCause less so many times others, none of them below zero. */
export function withoutCauses(causes: AmountsByCause, others: AmountsByCause, times: number): AmountsByCause {
  const left: Record<string, Partial<Amounts>> = {};
  for (const [cause, amounts] of Object.entries(causes)) {
    for (const [price, amount] of Object.entries(amounts) as [Price, number][]) {
      add(left, cause, { [price]: Math.max(0, amount - (others[cause]?.[price] ?? 0) * times) });
    }
  }
  return left;
}
