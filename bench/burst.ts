import { setTimeout as sleep } from 'node:timers/promises';
import { typicalLatencies } from '../local/shared/latencies.ts';
import { startStack } from '../local/stack.ts';
import { Api } from './shared/api.ts';
import { openDatabase, readTasks } from './shared/database.ts';
import { type BenchReport, printTargets, round, type Target } from './shared/report.ts';
import { quantile } from './shared/statistics.ts';

const miners = 256;
const minersPerTask = 4;
const taskIds = Array.from({ length: miners / minersPerTask }, (_, index) => `burst-${index}`);
const withinMs = 1_000;
const writtenMs = 130_000;
/** Callers give up after so long. */
const maxSeconds = 10;

interface Burst {
  refused: number;
  lost: number;
  p50: number;
  p99: number;
  isLimited: boolean;
}

/**
 * One response of each of 256 miners within a second, by the machine's clock, from nothing running, each instance kept
 * to its share of a CPU: acknowledgements, refusals, and that all that was acknowledged is written.
 */
export async function burst(): Promise<BenchReport> {
  const targets: Target[] = [];
  const figures: Record<string, number> = {};
  for (const profile of ['default', 'small'] as const) {
    const { refused, lost, p50, p99, isLimited } = await burstOf(profile);
    console.log(
      `  ${profile}: ${miners} in a second: ${refused} refused, ${lost} lost, p50 ${round(p50, 2)} s, ` +
        `p99 ${round(p99, 2)} s${isLimited ? '' : ' (this system cannot limit the CPU)'}`,
    );
    figures[`${profile}: p99, s`] = round(p99, 2);
    targets.push({ name: `${profile}: lost`, value: lost, limit: 0 });
    if (profile === 'default') {
      targets.push(
        { name: `${profile}: refused`, value: refused, limit: 0 },
        { name: `${profile}: p99, s`, value: p99, limit: maxSeconds },
      );
    }
  }
  return { name: 'burst', figures, missed: printTargets(targets) };
}

async function burstOf(profile: 'default' | 'small'): Promise<Burst> {
  let isLimited = true;
  const stack = await startStack({
    ports: 'free',
    env: { PROFILE: profile },
    limitCpu: true,
    latencies: typicalLatencies,
    log: (_, { message }) => {
      if (message.includes('not limited')) isLimited = false;
    },
  });
  const database = openDatabase(stack);
  try {
    const api = new Api(stack);
    // By another function, so that none of ingest's instances runs when the burst comes.
    for (const task_id of taskIds) {
      const body = { task_id, task_type: 'bench', required_miner_count: minersPerTask };
      await api.expect('/v1/tasks', { body });
    }
    const answers = await Promise.all(
      Array.from({ length: miners }, async (_, uid) => {
        await sleep((uid * withinMs) / miners);
        const startedMs = performance.now();
        const body = {
          task_id: taskIds[uid % taskIds.length],
          miner_uid: uid,
          response_data: { text: 'an answer' },
        };
        const { status } = await api.send('/v1/responses', { body, role: 'miner' }, { tries: 1 });
        return { uid, isAccepted: status === 202, seconds: (performance.now() - startedMs) / 1000 };
      }),
    );
    await stack.advance(writtenMs);
    const lost = await missing(database, answers);
    const seconds = answers.map((answer) => answer.seconds);
    const refused = answers.filter(({ isAccepted }) => !isAccepted).length;
    return { refused, lost, p50: quantile(seconds, 0.5), p99: quantile(seconds, 0.99), isLimited };
  } finally {
    await database.terminate();
    await stack.close();
  }
}

/** Responses that were acknowledged and are in no task. */
async function missing(
  database: ReturnType<typeof openDatabase>,
  answers: readonly { uid: number; isAccepted: boolean }[],
): Promise<number> {
  const tasks = await readTasks(database, taskIds);
  const written = new Set(tasks.flatMap((task) => Object.keys(task?.['miner_responses'] ?? {})));
  return answers.filter(({ uid, isAccepted }) => isAccepted && !written.has(String(uid))).length;
}
