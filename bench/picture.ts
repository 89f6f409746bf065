import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BatchSeconds, type Coefficients, profileNames } from './cost/coefficients.ts';
import { readCoefficients } from './cost/coefficientsFile.ts';
import { billOf, monthOf, type Traffic } from './cost/month.ts';
import { plainMonth } from './cost/plain.ts';
import type { PlainWay } from './shared/plain.ts';
import type { BenchReport } from './shared/report.ts';
import { type Chart, svgOf } from './shared/svg.ts';

const traffic: Omit<Traffic, 'tasksPerDay' | 'batchSeconds' | 'profile'> = {
  responsesPerTask: 3,
  responseBytes: 1_700,
  hoursADay: 24,
  miners: 0,
  pollsPerMinute: 0,
  pollBytes: 0,
  pollCacheSeconds: 0,
  excludesRequestLogs: false,
};

const xTicks = [10, 100, 1_000, 10_000, 100_000, 1_000_000];
const yTicks = [0.1, 1, 10, 100, 1_000, 10_000];
const stepsPerDecade = 8;
/** In the repository, where README shows it. */
const file = 'docs/dollars.svg';

/** Draws dollars of a month over the tasks of a day, from the measured coefficients, into docs/dollars.svg. */
export async function picture(): Promise<BenchReport> {
  writeFileSync(join(import.meta.dirname, '..', file), svgOf(chartOf(readCoefficients())));
  console.log(`  ${file}`);
  return { name: 'picture', figures: {}, missed: [] };
}

/** Three shapes: the plain way between Firestore alone and functions, and Sluice one by one and in batches. */
export function chartOf(coefficients: Coefficients): Chart {
  const places = tasksPerDay();
  const sluice = (tasks: number, batchSeconds: BatchSeconds): number =>
    Math.min(
      ...profileNames.map((profile) => {
        const asked = { ...traffic, tasksPerDay: tasks, batchSeconds, profile };
        return billOf(monthOf(asked, coefficients)).list.total;
      }),
    );
  const plain = (way: PlainWay, tasks: number): number => {
    const asked = { ...traffic, tasksPerDay: tasks, batchSeconds: 0, profile: 'default' } as const;
    return billOf(plainMonth(way, asked)).list.total;
  };
  const pointsOf = (dollars: (tasks: number) => number): [number, number][] =>
    places.map((tasks) => [tasks, dollars(tasks)]);
  return {
    title: 'Dollars a month, list prices, everything included',
    description:
      'The monthly bill over the tasks of a day, three answers each: the plain way from Firestore alone up to ' +
      'functions, Sluice with each event as a request of its own, and Sluice with batches of 5 seconds.',
    xTitle: 'tasks a day (each created, assigned and answered three times)',
    yTitle: 'dollars a month',
    xTicks,
    yTicks,
    formatX: (x) => x.toLocaleString('en-US'),
    formatY: (y) => `$${y.toLocaleString('en-US')}`,
    lines: [
      {
        name: 'plain way: functions|(top), Firestore alone',
        color: '#8250df',
        points: pointsOf((tasks) => plain('functions', tasks)),
        downTo: places.map((tasks) => plain('a server of its own', tasks)),
      },
      { name: 'Sluice, one by one', color: '#bc4c00', points: pointsOf((tasks) => sluice(tasks, 0)) },
      { name: 'Sluice, batches of 5 s', color: '#1a7f37', points: pointsOf((tasks) => sluice(tasks, 5)) },
    ],
  };
}

function tasksPerDay(): number[] {
  const [first = 1, last = 1] = [xTicks[0], xTicks.at(-1)];
  const steps = Math.round(Math.log10(last / first) * stepsPerDecade);
  return Array.from({ length: steps + 1 }, (_, step) => Math.round(first * 10 ** (step / stepsPerDecade)));
}
