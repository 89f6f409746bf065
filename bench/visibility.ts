import { setTimeout as sleep } from 'node:timers/promises';
import type { Firestore } from '@google-cloud/firestore';
import { startStack } from '../local/stack.ts';
import { Api } from './shared/api.ts';
import { openDatabase } from './shared/database.ts';
import { type BenchReport, printTargets, round, type Target } from './shared/report.ts';
import { median, quantile } from './shared/statistics.ts';

const requiredCounts = [1, 2, 3, 5];
const tasksEach = 30;
const maxSeconds = 7;

/** Times, by the machine's clock, a prompt task after its request, and a complete one after its last response. */
export async function visibility(): Promise<BenchReport> {
  const stack = await startStack({ ports: 'free', quiet: true });
  const database = openDatabase(stack);
  try {
    const api = new Api(stack);
    // Both kinds of instance are warm, as they are under traffic.
    await seconds(api, database, 'warm', 1);
    const targets: Target[] = [];
    for (const required of requiredCounts) {
      const runs = await Promise.all(
        Array.from({ length: tasksEach }, async (_, index) => {
          await sleep(index * 330);
          return seconds(api, database, `task-${required}-${index}`, required);
        }),
      );
      for (const kind of ['visible', 'completed'] as const) {
        const all = runs.map((run) => run[kind]);
        console.log(
          `  ${required} required, ${kind}: p50 ${round(median(all), 1)} s, p99 ${round(quantile(all, 0.99), 1)} s`,
        );
        targets.push({
          name: `${required} required, ${kind}, p99 s`,
          value: quantile(all, 0.99),
          limit: maxSeconds,
        });
      }
    }
    const figures = Object.fromEntries(targets.map(({ name, value }) => [name, value]));
    return { name: 'visibility', figures, missed: printTargets(targets) };
  } finally {
    await database.terminate();
    await stack.close();
  }
}

async function seconds(api: Api, database: Firestore, taskId: string, required: number) {
  const body = { task_id: taskId, task_type: 'bench', required_miner_count: required };
  await api.expect('/v1/tasks?visibility=prompt', { body });
  const visible = await until(database, taskId, () => true);
  for (let uid = 0; uid < required; uid += 1) {
    const response = { task_id: taskId, miner_uid: uid, response_data: 'x' };
    await api.expect('/v1/responses', { body: response, role: 'miner' });
  }
  return { visible, completed: await until(database, taskId, (status) => status === 'completed') };
}

/** Seconds from now until the document is there and its status is as wanted. */
async function until(
  database: Firestore,
  taskId: string,
  isWanted: (status: unknown) => boolean,
): Promise<number> {
  const startedMs = performance.now();
  for (;;) {
    const snapshot = await database.doc(`tasks/${taskId}`).get();
    if (snapshot.exists && isWanted(snapshot.get('status'))) return (performance.now() - startedMs) / 1000;
    await sleep(50);
  }
}
