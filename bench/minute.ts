import { afterFree, amountsOf, costsOf, scaledAmounts } from '../local/bill/bill.ts';
import { type Billed, printBills, printCauses } from './shared/bills.ts';
import { type BenchReport, printTargets, round, type Target } from './shared/report.ts';
import { dollars } from './shared/table.ts';
import { replayRun, spread } from './shared/traceRun.ts';
import { readWorkload } from './shared/workload.ts';

const taskCount = 120;
const tasksAMonth = 30 * 24 * 60;
/** Most dollars of the month, request logs left out. */
const limit = 2.4;

/** The monthly bill of a proxy with a task each minute, in both profiles: schedules, jobs and starts included. */
export async function minute(): Promise<BenchReport> {
  const events = spread(readWorkload('trace'), taskCount);
  const runs = await Promise.all(
    (['default', 'small'] as const).map((profile) =>
      replayRun({ name: `a task a minute, ${profile} profile`, events, visibility: 'default', profile }),
    ),
  );
  const bills = runs.map((run): Billed => ({ ...run, usage: run.flushed }));
  console.log('Dollars for a million responses by list prices');
  printBills(bills);
  for (const bill of bills) printCauses(bill);
  const targets: Target[] = [];
  const figures: Record<string, number> = {};
  console.log('\nFor a month');
  for (const { name, tasks, flushed, wrongTasks } of runs) {
    const months = tasks / tasksAMonth;
    const month = scaledAmounts(amountsOf(flushed, months), 1 / months);
    const { total, logging } = costsOf(month);
    const paid = costsOf(afterFree(month)).total;
    console.log(
      `  ${name}: ${dollars(total)} listed (${dollars(logging)} of it logs), ${dollars(paid)} after what is free`,
    );
    Object.assign(figures, { [`${name}: listed`]: round(total), [`${name}: paid`]: round(paid) });
    targets.push(
      { name: `${name}: dollars a month`, value: total - logging, limit },
      { name: `${name}: after what is free`, value: paid, limit: 0 },
      { name: `${name}: wrong tasks`, value: wrongTasks.length, limit: 0 },
    );
  }
  console.log('\nTargets');
  return { name: 'minute', figures, missed: printTargets(targets) };
}
