import { freePerMonth, type Price, prices } from './prices.ts';
import type { StackUsage } from './usage.ts';

/** Billed amounts, each in the unit of its price. */
export type Amounts = Record<Price, number>;

/** Dollars, by service. */
export interface Costs {
  firestore: number;
  tasks: number;
  /** Fees of requests. */
  requests: number;
  /** Instance time: vCPU and memory. */
  instances: number;
  storage: number;
  /** Bytes that Hosting or the functions sent. */
  traffic: number;
  logging: number;
  /** Scheduler's jobs and the secrets' versions, which cost by the month, and the reading of secrets. */
  standing: number;
  total: number;
}

const parts: Readonly<Record<Exclude<keyof Costs, 'total'>, readonly Price[]>> = {
  firestore: ['firestoreRead', 'firestoreWrite', 'firestoreDelete'],
  tasks: ['tasksOperation'],
  requests: ['functionRequest'],
  instances: ['vcpuSecond', 'gibSecond'],
  storage: ['storageClassA', 'storageClassB'],
  traffic: ['hostingByte', 'egressByte'],
  logging: ['logByte'],
  standing: ['schedulerJob', 'secretVersion', 'secretAccess'],
};

/** A usage in the units of the prices; `months` is the time for which jobs and secrets stand. */
export function amountsOf(usage: StackUsage, months = 0): Amounts {
  const { firestore, tasks, storage, functions, hosting, scheduler, secrets } = usage;
  return {
    firestoreRead: firestore.reads,
    firestoreWrite: firestore.writes,
    firestoreDelete: firestore.deletes,
    tasksOperation: tasks.operations,
    functionRequest: functions.requests,
    vcpuSecond: functions.vcpu_s,
    gibSecond: functions.gib_s,
    storageClassA: storage.class_a,
    storageClassB: storage.class_b,
    hostingByte: hosting.bytes,
    egressByte: functions.egress_bytes,
    logByte: functions.log_bytes,
    secretAccess: functions.secret_accesses,
    schedulerJob: scheduler.jobs * months,
    secretVersion: secrets.versions * months,
  };
}

/** The amounts of so many times the same. */
export function scaledAmounts(amounts: Amounts, factor: number): Amounts {
  return mapped(amounts, (amount) => amount * factor);
}

/** Leaves of one month's amounts those that are billed. Firestore's use is taken to be even over its days. */
export function afterFree(amounts: Amounts): Amounts {
  return mapped(amounts, (amount, price) => Math.max(0, amount - freePerMonth[price]));
}

/** Dollars by list prices. */
export function costsOf(amounts: Amounts): Costs {
  const costs: Costs = {
    firestore: 0,
    tasks: 0,
    requests: 0,
    instances: 0,
    storage: 0,
    traffic: 0,
    logging: 0,
    standing: 0,
    total: 0,
  };
  for (const part of Object.keys(parts) as (keyof typeof parts)[]) {
    for (const price of parts[part]) costs[part] += amounts[price] * prices[price];
    costs.total += costs[part];
  }
  return costs;
}

function mapped(amounts: Amounts, of: (amount: number, price: Price) => number): Amounts {
  const result = { ...amounts };
  for (const price of Object.keys(amounts) as Price[]) result[price] = of(amounts[price], price);
  return result;
}
