import { afterFree, amountsOf, type Costs, costsOf, scaledAmounts } from '../../local/bill/bill.ts';
import type { StackUsage } from '../../local/bill/usage.ts';
import { dollars, printTable } from './table.ts';
import { noUsage } from './usage.ts';

/** A usage and the responses that it was for. */
export interface Billed {
  name: string;
  responses: number;
  usage: StackUsage;
}

const columns = [
  ['Firestore', 'firestore'],
  ['queue', 'tasks'],
  ['fees', 'requests'],
  ['instances', 'instances'],
  ['storage', 'storage'],
  ['traffic', 'traffic'],
  ['logs', 'logging'],
  ['total', 'total'],
] as const satisfies readonly (readonly [string, keyof Costs])[];

/** Dollars for a million responses by list prices. */
export function perMillion({ usage, responses }: Billed): Costs {
  return costsOf(scaledAmounts(amountsOf(usage), 1_000_000 / responses));
}

/** Prints dollars for a million responses, and what is left of them after what is free in a month. */
export function printBills(bills: readonly Billed[]): void {
  printTable(
    ['', ...columns.map(([head]) => head), 'without logs', 'after what is free'],
    bills.map((bill) => {
      const costs = perMillion(bill);
      const paid = costsOf(afterFree(scaledAmounts(amountsOf(bill.usage), 1_000_000 / bill.responses)));
      const cells = columns.map(([, service]) => dollars(costs[service]));
      return [bill.name, ...cells, dollars(costs.total - costs.logging), dollars(paid.total)];
    }),
  );
}

/** Prints the instance time of a usage by function and cause, the most first. */
export function printCauses({ name, responses, usage }: Billed): void {
  const rows = Object.entries(usage.functions.by_function).flatMap(([of, { vcpu, memory_gib, by_cause }]) =>
    Object.entries(by_cause).map(([cause, { requests, active_s }]) => {
      const time = { vcpuSecond: active_s * vcpu, gibSecond: active_s * memory_gib };
      const { instances } = costsOf({ ...none, ...time });
      return { cells: [`${of}: ${cause}`, requests, active_s.toFixed(1)], instances };
    }),
  );
  console.log(`\n${name}: instance time by cause`);
  printTable(
    ['', 'requests', 'billed s', 'per million responses'],
    rows
      .toSorted((a, b) => b.instances - a.instances)
      .map(({ cells, instances }) => [...cells, dollars((instances * 1_000_000) / responses)]),
  );
}

const none = scaledAmounts(amountsOf(noUsage), 0);
