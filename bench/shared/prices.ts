import type { StackUsage } from '../../local/control/index.ts';

/**
 * List prices in dollars, US, pay as you go: firebase.google.com/docs/firestore/pricing (multi-region nam5),
 * cloud.google.com/tasks/pricing, cloud.google.com/run/pricing, cloud.google.com/storage/pricing.
 */
export const prices = {
  firestoreRead: 0.06 / 100_000,
  firestoreWrite: 0.18 / 100_000,
  firestoreDelete: 0.02 / 100_000,
  tasksOperation: 0.4 / 1_000_000,
  functionRequest: 0.4 / 1_000_000,
  vcpuSecond: 0.000024,
  gibSecond: 0.0000025,
  storageClassA: 5 / 1_000_000,
  storageClassB: 0.4 / 1_000_000,
} as const;

/** Free amounts of each month; Firestore's are granted by the day. */
export const freePerMonth = {
  firestoreReads: 50_000 * 30,
  firestoreWrites: 20_000 * 30,
  firestoreDeletes: 20_000 * 30,
  tasksOperations: 1_000_000,
  functionRequests: 2_000_000,
  vcpuSeconds: 180_000,
  gibSeconds: 360_000,
} as const;

/** Memory of an instance that is charged here: the largest any function has, so the figure errs upward. */
const instanceGib = 1;

export interface Costs {
  firestore: number;
  tasks: number;
  /** Requests and instance time of the functions, at one vCPU and 1 GiB an instance. */
  functions: number;
  storage: number;
  total: number;
}

/** Dollars for a usage, as if nothing were free. */
export function costsOf(usage: StackUsage): Costs {
  return costs(usage, () => 0);
}

/** Dollars for a month's usage, after what is free in a month. Firestore's use is taken to be even over its days. */
export function monthlyCostsOf(usage: StackUsage): Costs {
  return costs(usage, (name) => freePerMonth[name]);
}

function costs(usage: StackUsage, free: (name: keyof typeof freePerMonth) => number): Costs {
  const billed = (amount: number, name: keyof typeof freePerMonth): number =>
    Math.max(0, amount - free(name));
  const { firestore: database, tasks: queue, functions: instances, storage: bucket } = usage;
  const firestore =
    billed(database.reads, 'firestoreReads') * prices.firestoreRead +
    billed(database.writes, 'firestoreWrites') * prices.firestoreWrite +
    billed(database.deletes, 'firestoreDeletes') * prices.firestoreDelete;
  const tasks = billed(queue.operations, 'tasksOperations') * prices.tasksOperation;
  const functions =
    billed(instances.requests, 'functionRequests') * prices.functionRequest +
    billed(instances.active_s, 'vcpuSeconds') * prices.vcpuSecond +
    billed(instances.active_s * instanceGib, 'gibSeconds') * prices.gibSecond;
  const storage = bucket.class_a * prices.storageClassA + bucket.class_b * prices.storageClassB;
  return { firestore, tasks, functions, storage, total: firestore + tasks + functions + storage };
}
