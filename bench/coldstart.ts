import { join } from 'node:path';
import { type LocalStack, startStack } from '../local/stack.ts';
import { type BenchReport, printTargets, round } from './shared/report.ts';
import { median, spreadText } from './shared/statistics.ts';

const turns = 7;

/** A new container has no compiled code of an earlier start. */
const env = { NODE_DISABLE_COMPILE_CACHE: '1' };

/**
 * From the start of a process to its first answered request: `ingest`, in turns with a function that imports the Admin
 * SDK's Firestore at the top and writes one document.
 */
export async function coldstart(): Promise<BenchReport> {
  const stack = await startStack({ ports: 'free', quiet: true, env });
  const usual = await startStack({
    ports: 'free',
    quiet: true,
    env,
    functionsDir: join(import.meta.dirname, 'coldbase'),
    firebaseJson: join(import.meta.dirname, 'load/firebase.json'),
  });
  try {
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let turn = 0; turn < turns; turn += 1) {
      ours.push(await firstAnswerMs(stack, 'ingest'));
      theirs.push(await firstAnswerMs(usual, 'usual'));
    }
    const ratios = ours.map((each, turn) => each / (theirs[turn] ?? Number.NaN));
    console.log(`  ingest ${round(median(ours), 0)} ms (${spreadText(ours, 0)})`);
    console.log(`  Firestore at the top ${round(median(theirs), 0)} ms (${spreadText(theirs, 0)})`);
    console.log(`  ratio ${median(ratios).toFixed(2)} (${spreadText(ratios)})`);
    const target = { name: 'share of the usual cold start', value: median(ratios), limit: 0.4 };
    return { name: 'coldstart', figures: { ratio: median(ratios) }, missed: printTargets([target]) };
  } finally {
    await usual.close();
    await stack.close();
  }
}

async function firstAnswerMs(stack: LocalStack, name: string): Promise<number> {
  await stack.killInstances(name);
  const startedMs = performance.now();
  const answer = await fetch(`${stack.urls.functions}/${name}/v1/responses`, {
    method: 'POST',
    headers: { 'x-api-key': stack.keys['miner'] ?? '', 'content-type': 'application/json' },
    body: JSON.stringify({ task_id: 'cold', miner_uid: 1, response_data: 'x' }),
  });
  await answer.text();
  if (answer.status !== 202) throw new Error(`${name} answers ${answer.status}`);
  return performance.now() - startedMs;
}
