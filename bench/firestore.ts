import { type BenchReport, printTargets, round, type Target } from './shared/report.ts';
import { printTable } from './shared/table.ts';
import { plainRun, replayRun, spread, type TraceRun } from './shared/traceRun.ts';
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
const visibilities = ['default', 'deferred', 'prompt'] as const;

/** Firestore operations of the shared trace, replayed through HTTP by the local clock, next to the plain way's. */
export async function firestore(): Promise<BenchReport> {
  return operationsOf('firestore', 'trace');
}

/** The same of the workload with larger and late answers. */
export async function mixed(): Promise<BenchReport> {
  return operationsOf('mixed', 'mixed');
}

async function operationsOf(name: string, workload: 'trace' | 'mixed'): Promise<BenchReport> {
  const events = readWorkload(workload);
  const replays = visibilities.map((visibility) =>
    replayRun({ name: `${workload} ${visibility}`, events, visibility }),
  );
  // The stacks wait for timers most of the time, so they share the machine well.
  const runs = [...(await Promise.all(replays)), await plainRun(`${workload} plain way`, events)];
  console.log('Billed a task, until everything sent is written, and with the deadlines an hour later');
  printUsage(runs);
  return { name, ...judged(runs) };
}

/** Firestore operations of the same tasks as they came and one a minute. */
export async function apart(): Promise<BenchReport> {
  const events = readWorkload('trace');
  const slice = spread(events, spreadTasks);
  const ids = new Set(slice.map(({ taskId }) => taskId));
  const packed = events.filter(({ taskId }) => ids.has(taskId));
  const runs = await Promise.all([
    replayRun({ name: `${spreadTasks} tasks as they came`, events: packed, visibility: 'default' }),
    replayRun({ name: `${spreadTasks} tasks, one a minute`, events: slice, visibility: 'default' }),
    replayRun({ name: 'one a minute, prompt', events: slice, visibility: 'prompt' }),
  ]);
  printUsage(runs);
  return { name: 'apart', ...judged(runs, runs) };
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

function judged(
  runs: readonly TraceRun[],
  [packed, oneAMinute]: readonly TraceRun[] = [],
): Pick<BenchReport, 'figures' | 'missed'> {
  const figures: Record<string, number> = {};
  const targets: Target[] = [];
  for (const { name, tasks, flushed, wrongTasks } of runs) {
    const writes = flushed.firestore.writes / tasks;
    const reads = flushed.firestore.reads / tasks;
    Object.assign(figures, { [`${name}: writes`]: round(writes), [`${name}: reads`]: round(reads) });
    const limit = limits[name];
    if (limit !== undefined)
      targets.push({ name: `${name}: writes a task`, value: writes, limit: limit.writes });
    if (limit?.reads !== undefined)
      targets.push({ name: `${name}: reads a task`, value: reads, limit: limit.reads });
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
