import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LocalFirestore, startFirestore } from '../local/firestore/index.ts';
import { OffsetClock } from '../local/shared/clock.ts';
import { Faults } from '../local/shared/faults.ts';
import { type BenchReport, printTargets, round } from './shared/report.ts';
import { printTable } from './shared/table.ts';

const processes = 8;
const limit = 800;
/** Writes a second that Firestore itself would allow. */
const quota = 1_000;
const sampleMs = 50;
/** Time in which every process starts. */
const startupMs = 8_000;
const seconds: Record<string, number> = { leases: 60, counter: 20, alone: 20 };

interface Result {
  way: string;
  perSecond: number;
  busiestSecond: number;
  busiestTen: number;
  /** Operations beside the work, as a share of it. */
  overhead: number;
}

/** Eight processes that want three times the limit: with leases, with a counter document, and each for itself. */
export async function quotaBench(): Promise<BenchReport> {
  const results: Result[] = [];
  for (const [way, forSeconds] of Object.entries(seconds)) results.push(await measure(way, forSeconds));
  printTable(
    ['', 'writes/s', 'busiest second', 'busiest 10 s', 'operations beside'],
    results.map(({ way, perSecond, busiestSecond, busiestTen, overhead }) => [
      way,
      String(round(perSecond, 0)),
      String(busiestSecond),
      String(busiestTen),
      `${round(overhead * 100, 2)} %`,
    ]),
  );
  const leases = results[0];
  if (leases === undefined) throw new Error('Nothing was measured.');
  const missed = printTargets([
    { name: 'writes in the busiest second', value: leases.busiestSecond, limit: quota },
    { name: 'writes in the busiest 10 s', value: leases.busiestTen, limit: limit * 10 * 1.02 },
    { name: 'share of the limit used', value: leases.perSecond / limit, limit: 0.95, atLeast: true },
    { name: 'operations of the ledger, share', value: leases.overhead, limit: 0.01 },
  ]);
  return { name: 'quota', figures: { 'writes a second': leases.perSecond }, missed };
}

async function measure(way: string, forSeconds: number): Promise<Result> {
  const clock = new OffsetClock();
  const startMs = Date.now() + startupMs;
  const firestore = await startFirestore({ port: 0, clock, faults: new Faults(clock) });
  try {
    const workers = Array.from({ length: processes }, () =>
      runWorker(firestore.port, [way, limit, startMs, forSeconds]),
    );
    const sampling = { isOver: false };
    const samples = sample(firestore, sampling);
    const work = (await Promise.all(workers)).reduce((sum, written) => sum + written, 0);
    sampling.isOver = true;
    const perSample = await samples;
    const { writes, reads } = firestore.usage();
    return {
      way,
      perSecond: work / forSeconds,
      busiestSecond: busiest(perSample, 1_000 / sampleMs),
      busiestTen: busiest(perSample, 10_000 / sampleMs),
      overhead: (writes - work + reads) / work,
    };
  } finally {
    await firestore.close();
  }
}

/** A process that writes until its time is over. Resolves with how many writes it made. */
async function runWorker(port: number, settings: (string | number)[]): Promise<number> {
  const child = fork(join(import.meta.dirname, 'quota/worker.ts'), settings.map(String), {
    env: {
      ...process.env,
      FIRESTORE_EMULATOR_HOST: `127.0.0.1:${port}`,
      GCLOUD_PROJECT: 'demo-sluice',
      METADATA_SERVER_DETECTION: 'none',
    },
  });
  const [written] = (await Promise.race([once(child, 'message'), failed(child)])) as [number];
  return written;
}

async function failed(child: ChildProcess): Promise<never> {
  const [code] = (await once(child, 'exit')) as [number | null];
  throw new Error(`A writer ended with ${code} before it said what it wrote.`);
}

/** Billed writes in each `sampleMs`, until the sampling is over. */
async function sample(firestore: LocalFirestore, sampling: { isOver: boolean }): Promise<number[]> {
  const perSample: number[] = [];
  let before = 0;
  for (const startedMs = performance.now(); !sampling.isOver; ) {
    await sleep(Math.max(0, startedMs + (perSample.length + 1) * sampleMs - performance.now()));
    const { writes } = firestore.usage();
    perSample.push(writes - before);
    before = writes;
  }
  return perSample;
}

function busiest(perSample: readonly number[], length: number): number {
  let [sum, most] = [0, 0];
  for (const [index, writes] of perSample.entries()) {
    sum += writes - (perSample[index - length] ?? 0);
    most = Math.max(most, sum);
  }
  return most;
}
