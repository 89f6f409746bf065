import { join } from 'node:path';
import { startStack } from '../local/stack.ts';
import { coldFunction, compileServer, firstAnswerMs } from './shared/coldServer.ts';
import { type BenchReport, printTargets, round } from './shared/report.ts';
import { median, spreadText } from './shared/statistics.ts';

const turns = 9;
const projectId = 'demo-coldstart';

/**
 * Measures, in turns, from a process's start to its first answered request: `ingest`, a function that imports the Admin
 * SDK's Firestore at the top and writes one document, and one that does nothing, which no function can be faster than.
 */
export async function coldstart(): Promise<BenchReport> {
  await compileServer();
  const stack = await startStack({ ports: 'free', quiet: true, projectId });
  try {
    const functions = {
      ingest: await coldFunction(stack, projectId, join(import.meta.dirname, '../functions'), 'ingest'),
      usual: await coldFunction(stack, projectId, join(import.meta.dirname, 'coldbase'), 'usual'),
      empty: await coldFunction(stack, projectId, join(import.meta.dirname, 'coldempty'), 'empty'),
    };
    const ms: Record<keyof typeof functions, number[]> = { ingest: [], usual: [], empty: [] };
    for (let turn = 0; turn < turns; turn += 1) {
      for (const name of ['ingest', 'usual', 'empty'] as const) {
        ms[name].push(await firstAnswerMs(functions[name]));
      }
    }
    const ratios = ms.ingest.map((each, turn) => each / (ms.usual[turn] ?? Number.NaN));
    const floors = ms.empty.map((each, turn) => each / (ms.usual[turn] ?? Number.NaN));
    console.log(`  ingest ${round(median(ms.ingest), 0)} ms (${spreadText(ms.ingest, 0)})`);
    console.log(`  Firestore at the top ${round(median(ms.usual), 0)} ms (${spreadText(ms.usual, 0)})`);
    console.log(`  ratio ${median(ratios).toFixed(2)} (${spreadText(ratios)})`);
    console.log(`  of a function that does nothing ${median(floors).toFixed(2)} (${spreadText(floors)})`);
    const target = { name: 'share of the usual cold start', value: median(ratios), limit: 0.4 };
    const figures = { ratio: median(ratios), floor: median(floors) };
    return { name: 'coldstart', figures, missed: printTargets([target]) };
  } finally {
    await stack.close();
  }
}
