import { join } from 'node:path';
import { readEnvFiles } from '../local/functions/env-files.ts';
import { type LocalStack, startStack } from '../local/stack.ts';
import { LoadProcess } from './load/index.ts';
import type { LoadOrder, LoadResult } from './load/protocol.ts';
import { watchMemory } from './shared/memory.ts';
import { type BenchReport, printTargets, round } from './shared/report.ts';
import { median, spreadText } from './shared/statistics.ts';
import { printTable } from './shared/table.ts';
import { readWorkload } from './shared/workload.ts';

const connections = 256;
const rounds = 4;
const warmMs = 1500;
const measureMs = 5000;

/** GROUP_LINGER_MS, and what may come on top of it at light load. */
const lingerMs = 20;
const acknowledgementMs = 10;
const maxResidentMib = 250;

/** Values that functions/.env sets, for both servers. The stack gives each the heap of its container. */
const containerEnv = deployedEnv();

/** Rarely sent: larger responses go to Cloud Storage first. */
const maxInlineBytes = 60_000;

/**
 * One instance of `ingest` at 256 connections, in turns with the same server that only parses and answers, and with one
 * that writes to Firestore for each response.
 */
export async function ingest(): Promise<BenchReport> {
  const stack = await startStack({ ports: 'free', quiet: true, env: containerEnv });
  const baseline = await startStack({
    ports: 'free',
    quiet: true,
    env: containerEnv,
    functionsDir: join(import.meta.dirname, 'baseline'),
    firebaseJson: join(import.meta.dirname, 'load/firebase.json'),
  });
  const load = new LoadProcess();
  try {
    // What is staged stays in the queue: flushing is another instance's work, and would take this machine's cores.
    stack.killDispatcher();
    const servers = {
      ingest: await orderFor(stack, 'ingest'),
      echo: await orderFor(baseline, 'echo'),
      direct: await orderFor(baseline, 'direct'),
    };
    const pid = stack.instances().find((instance) => instance.function === 'ingest')?.pid ?? 0;
    const light = await load.run({ ...servers.ingest, connections: 1, warmMs: 500, measureMs: 3000 });
    const results: Record<keyof typeof servers, LoadResult[]> = { ingest: [], echo: [], direct: [] };
    const memory: number[] = [];
    for (let turn = 0; turn < rounds; turn += 1) {
      for (const name of ['ingest', 'echo', 'direct'] as const) {
        const watched = name === 'ingest' ? watchMemory(pid) : undefined;
        results[name].push(await load.run(servers[name]));
        if (watched !== undefined) memory.push(watched());
      }
    }
    return report(results, light, Math.max(...memory), stack);
  } finally {
    load.close();
    await baseline.close();
    await stack.close();
  }
}

function deployedEnv(): Record<string, string> {
  return readEnvFiles(join(import.meta.dirname, '../functions'), 'demo-sluice').env;
}

async function orderFor(stack: LocalStack, name: string): Promise<LoadOrder> {
  // A proxy's key: those of miners are limited to 500 requests a second.
  const key = stack.keys['ingest'] ?? '';
  const bodies = readWorkload('trace')
    .filter(({ kind }) => kind === 'response')
    .map(({ body }) => JSON.stringify(body))
    .filter((body) => body.length < maxInlineBytes);
  const id = stack.functions.find((each) => each.name === name)?.id;
  const answer = await fetch(`${stack.urls.functions}/${id}/v1/responses`, {
    method: 'POST',
    headers: { 'x-api-key': key, 'content-type': 'application/json' },
    body: bodies[0] ?? '',
  });
  if (answer.status !== 202) throw new Error(`${name} answers ${answer.status}: ${await answer.text()}`);
  // The instance's own port: the router before it would cost more than the handler.
  const port = stack.instances().find((instance) => instance.function === name)?.port ?? 0;
  return { port, path: '/v1/responses', key, bodies, connections, warmMs, measureMs };
}

function report(
  results: Record<'ingest' | 'echo' | 'direct', LoadResult[]>,
  light: LoadResult,
  residentMib: number,
  stack: LocalStack,
): BenchReport {
  console.log(`One instance, ${connections} connections, responses of the trace, ${rounds} rounds in turns`);
  printTable(
    ['', 'requests/s', 'spread', 'p50 ms', 'p99 ms', 'failures'],
    Object.entries(results).map(([name, all]) => [
      name,
      Math.round(median(all.map((each) => each.requestsPerSecond))),
      spreadText(
        all.map((each) => each.requestsPerSecond),
        0,
      ),
      round(median(all.map((each) => each.p50Ms)), 1),
      round(median(all.map((each) => each.p99Ms)), 1),
      all.reduce((sum, each) => sum + each.failures, 0),
    ]),
  );
  const ratios = (other: LoadResult[]): number[] =>
    results.ingest.map(
      (each, turn) => each.requestsPerSecond / (other[turn]?.requestsPerSecond ?? Number.NaN),
    );
  const [toEcho, toDirect] = [ratios(results.echo), ratios(results.direct)];
  console.log(`  to a handler that only parses: ${median(toEcho).toFixed(2)} (${spreadText(toEcho)})`);
  console.log(`  to a write each response: ${median(toDirect).toFixed(2)} (${spreadText(toDirect)})`);
  const { reads, writes, deletes } = stack.usage().firestore;
  const failures = results.ingest.reduce((sum, each) => sum + each.failures, 0);
  const figures = {
    'share of parse-and-answer': median(toEcho),
    'times a write each': median(toDirect),
    'p50 at light load, ms': light.p50Ms,
    'resident memory, MiB': residentMib,
  };
  const missed = printTargets([
    { name: 'Firestore operations of ingest', value: reads + writes + deletes, limit: 0 },
    { name: 'failures', value: failures, limit: 0 },
    { name: 'share of parse-and-answer', value: median(toEcho), limit: 0.75, atLeast: true },
    { name: 'times a write each', value: median(toDirect), limit: 4, atLeast: true },
    { name: 'p50 at light load, ms', value: light.p50Ms, limit: lingerMs + acknowledgementMs },
    { name: 'resident memory, MiB', value: residentMib, limit: maxResidentMib },
  ]);
  return { name: 'ingest', figures, missed };
}
