/**
 * List prices in dollars, US, pay as you go: firebase.google.com/docs/firestore/pricing (multi-region nam5),
 * cloud.google.com/tasks/pricing, cloud.google.com/run/pricing (a tier 1 region), cloud.google.com/storage/pricing,
 * cloud.google.com/scheduler/pricing, firebase.google.com/pricing (Hosting), cloud.google.com/vpc/network-pricing
 * (premium tier, to North America), cloud.google.com/secret-manager/pricing, cloud.google.com/stackdriver/pricing.
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
  /** Standard class. */
  storageGbMonth: 0.02,
  firestoreGibMonth: 0.18,
  hostingByte: 0.15 / 1e9,
  egressByte: 0.12 / 1e9,
  logByte: 0.5 / 2 ** 30,
  secretAccess: 0.03 / 10_000,
  /** A job and month. */
  schedulerJob: 0.1,
  /** A version and month, in one region. */
  secretVersion: 0.06,
} as const;

/** Prices of what is metered; not of what is kept, which no usage of a while tells. */
export type Price = Exclude<keyof typeof prices, 'storageGbMonth' | 'firestoreGibMonth'>;

/**
 * Free amounts of each month. Firestore's are granted by the day; Cloud Storage's by Firebase's plan, in some US
 * regions; Hosting's is 360 MB a day.
 */
export const freePerMonth: Readonly<Record<Price, number>> = {
  firestoreRead: 50_000 * 30,
  firestoreWrite: 20_000 * 30,
  firestoreDelete: 20_000 * 30,
  tasksOperation: 1_000_000,
  functionRequest: 2_000_000,
  vcpuSecond: 180_000,
  gibSecond: 360_000,
  storageClassA: 5_000,
  storageClassB: 50_000,
  hostingByte: 10e9,
  egressByte: 1e9,
  logByte: 50 * 2 ** 30,
  secretAccess: 10_000,
  schedulerJob: 3,
  secretVersion: 6,
};
