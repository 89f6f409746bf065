import { afterFree, amountsOf, costsOf, scaledAmounts } from '../local/bill/bill.ts';
import { freePerMonth } from '../local/bill/prices.ts';
import { type BenchReport, printTargets, round, type Target } from './shared/report.ts';
import { dollars, printTable } from './shared/table.ts';
import { beginning, plainRun, replayRun, spread, type TraceRun } from './shared/traceRun.ts';
import { readWorkload } from './shared/workload.ts';

/** Most writes and reads a task, until all that was sent is written. */
const limits: Record<string, { writes: number; reads?: number }> = {
  'trace default': { writes: 1.26, reads: 1.4 },
  'trace deferred': { writes: 1.2, reads: 1.35 },
  'trace prompt': { writes: 2.45, reads: 3.5 },
  'mixed default': { writes: 1.3 },
  'mixed deferred': { writes: 1.28 },
  'mixed prompt': { writes: 2.48 },
};

const spreadTasks = 120;
/** The most by which writes a task may differ when the same tasks come one a minute. */
const spreadTolerance = 0.05;
const pollingSpanMs = 240_000;
/** READ_CACHE_SECONDS. */
const readCacheMs = 5000;
const workloads = ['trace', 'mixed'] as const;
const visibilities = ['default', 'deferred', 'prompt'] as const;

/** Costs of the workloads, replayed through HTTP by the local clock, next to the plain way's. */
export async function trace(): Promise<BenchReport> {
  const runs: TraceRun[] = [];
  for (const workload of workloads) {
    const events = readWorkload(workload);
    const replays = visibilities.map((visibility) =>
      replayRun({ name: `${workload} ${visibility}`, events, visibility }),
    );
    // The stacks wait for timers most of the time, so they share the machine well.
    runs.push(...(await Promise.all(replays)), await plainRun(`${workload} plain way`, events));
  }
  console.log('Billed a task, until everything sent is written, and with the deadlines an hour later');
  printUsage(runs);

  const events = readWorkload('trace');
  const slice = spread(events, spreadTasks);
  const ids = new Set(slice.map(({ taskId }) => taskId));
  const packed = events.filter(({ taskId }) => ids.has(taskId));
  const spreadRuns = await Promise.all([
    replayRun({ name: `${spreadTasks} tasks as they came`, events: packed, visibility: 'default' }),
    replayRun({ name: `${spreadTasks} tasks, one a minute`, events: slice, visibility: 'default' }),
    replayRun({ name: 'one a minute, prompt', events: slice, visibility: 'prompt' }),
  ]);
  console.log('\nThe same tasks, one a minute');
  printUsage(spreadRuns);

  const start = beginning(events, pollingSpanMs);
  const polled = await Promise.all(
    [0, 20, 200].map((miners) =>
      replayRun({ name: `${miners} miners poll`, events: start, visibility: 'default', miners }),
    ),
  );
  console.log(`\nMiners that poll every 10 s, during the trace's first ${pollingSpanMs / 60_000} minutes`);
  printUsage(polled);

  console.log(
    '\nDollars for a million responses, list prices (Firestore nam5; each function’s own vCPU and memory)',
  );
  printCosts([...runs, ...spreadRuns, ...polled]);
  console.log(`  Free each month: ${freeText()}`);
  printOneAMinute(spreadRuns[1]);

  return { name: 'trace', ...judged([...runs, ...spreadRuns, ...polled], spreadRuns) };
}

function printUsage(runs: readonly TraceRun[]): void {
  printTable(
    [
      '',
      'writes',
      'reads',
      'later: writes',
      'reads',
      'Tasks ops',
      'requests',
      'active s',
      'storage A',
      'B',
      'wrong',
    ],
    runs.map(({ name, tasks, flushed, ended, wrongTasks }) => [
      name,
      ...[
        flushed.firestore.writes,
        flushed.firestore.reads,
        ended.firestore.writes,
        ended.firestore.reads,
      ].map((count) => (count / tasks).toFixed(3)),
      flushed.tasks.operations,
      flushed.functions.requests,
      Math.round(flushed.functions.active_s),
      flushed.storage.class_a,
      flushed.storage.class_b,
      wrongTasks.length,
    ]),
  );
}

function printCosts(runs: readonly TraceRun[]): void {
  printTable(
    [
      '',
      'Firestore',
      'Tasks',
      'requests',
      'instances',
      'storage',
      'traffic',
      'logs',
      'total',
      'after what is free in a month',
    ],
    runs.map(({ name, responses, flushed }) => {
      const amounts = scaledAmounts(amountsOf(flushed), 1_000_000 / responses);
      const { firestore, tasks, requests, instances, storage, traffic, logging, total } = costsOf(amounts);
      const cells = [firestore, tasks, requests, instances, storage, traffic, logging, total];
      return [name, ...cells.map(dollars), dollars(costsOf(afterFree(amounts)).total)];
    }),
  );
}

/** The monthly bill of a proxy with a task each minute: instances start for every one, so time costs most here. */
function printOneAMinute(run: TraceRun | undefined): void {
  if (run === undefined) return;
  const runMonths = run.tasks / (30 * 24 * 60);
  const month = scaledAmounts(amountsOf(run.flushed, runMonths), 1 / runMonths);
  const [listed, paid] = [costsOf(month).total, costsOf(afterFree(month)).total];
  console.log(
    `  A task a minute for a month: ${dollars(listed)}, ${Math.round(month.vcpuSecond / 1000)}k vCPU-s; ` +
      `after what is free ${dollars(paid)}.`,
  );
}

function freeText(): string {
  const { firestoreRead, firestoreWrite, tasksOperation, functionRequest, vcpuSecond } = freePerMonth;
  return (
    `${firestoreRead / 1e6} M reads, ${firestoreWrite / 1e6} M writes (by the day), ${tasksOperation / 1e6} M ` +
    `Cloud Tasks operations, ${functionRequest / 1e6} M requests, ${vcpuSecond} vCPU-s. The plain way's own ` +
    'requests and instance time, wherever its code runs, are not in its figures.'
  );
}

function judged(
  runs: readonly TraceRun[],
  [packed, oneAMinute]: readonly TraceRun[],
): Pick<BenchReport, 'figures' | 'missed'> {
  const figures: Record<string, number> = {};
  const targets: Target[] = [];
  for (const { name, tasks, miners, flushed, wrongTasks } of runs) {
    const writes = flushed.firestore.writes / tasks;
    const reads = flushed.firestore.reads / tasks;
    Object.assign(figures, { [`${name}: writes`]: round(writes), [`${name}: reads`]: round(reads) });
    const limit = limits[name];
    if (limit !== undefined)
      targets.push({ name: `${name}: writes a task`, value: writes, limit: limit.writes });
    if (limit?.reads !== undefined)
      targets.push({ name: `${name}: reads a task`, value: reads, limit: limit.reads });
    if (miners > 0) {
      // What the feed may cost: a read each time its cache ends, and two for each write of a task.
      const limit = pollingSpanMs / readCacheMs + 2 * flushed.firestore.writes;
      targets.push({ name: `${name}: reads`, value: flushed.firestore.reads, limit });
    }
    targets.push({ name: `${name}: wrong tasks`, value: wrongTasks.length, limit: 0 });
  }
  if (packed !== undefined && oneAMinute !== undefined) {
    const change = oneAMinute.flushed.firestore.writes / packed.flushed.firestore.writes - 1;
    targets.push({
      name: 'one a minute: change of the writes',
      value: Math.abs(change),
      limit: spreadTolerance,
    });
  }
  console.log('\nTargets');
  const missed = printTargets(targets);
  for (const { name, wrongTasks } of runs)
    for (const wrong of wrongTasks.slice(0, 5)) console.log(`  ${name}: ${wrong}`);
  return { figures, missed };
}
