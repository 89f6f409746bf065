import { setTimeout as sleep } from 'node:timers/promises';
import { startStack } from '../local/stack.ts';
import { Api } from './shared/api.ts';
import { type BenchReport, printTargets, round } from './shared/report.ts';
import { median, spreadText } from './shared/statistics.ts';

const tasks = 10_000;
const minersPerTask = 3;
const perRequest = 1_000;
const rounds = 3;

/** Limits so wide that the flush is measured, not its wait for quota. */
const raisedLimits = {
  RATE_WRITES_PER_SECOND: '100000',
  RATE_WRITES_PER_MINUTE: '6000000',
  RATE_READS_PER_SECOND: '100000',
  RATE_READS_PER_MINUTE: '6000000',
};

/** Measures one instance of `flush` at a backlog: 30,000 responses of 10,000 tasks, all waiting in the queue. */
export async function drain(): Promise<BenchReport> {
  const stack = await startStack({ ports: 'free', quiet: true, env: raisedLimits });
  try {
    const api = new Api(stack);
    const rates: number[] = [];
    for (let turn = 0; turn < rounds; turn += 1) {
      stack.killDispatcher();
      const responses = Array.from({ length: tasks * minersPerTask }, (_, index) => ({
        task_id: `drain-${turn}-${Math.floor(index / minersPerTask)}`,
        miner_uid: index % minersPerTask,
        response_data: { summary: `answer ${index} `.repeat(20) },
        accuracy_score: (index % 10) / 10,
      }));
      for (let start = 0; start < responses.length; start += perRequest) {
        await api.expect('/v1/responses', {
          body: { responses: responses.slice(start, start + perRequest) },
        });
      }
      await sleep(5_500);
      stack.resetUsage();
      const startedMs = performance.now();
      stack.restartDispatcher();
      while (stack.usage().firestore.writes < tasks) {
        if (performance.now() - startedMs > 60_000) throw new Error('The backlog is not written after 60 s.');
        await sleep(20);
      }
      rates.push(responses.length / ((performance.now() - startedMs) / 1000));
      const { reads, writes } = stack.usage().firestore;
      console.log(`  ${Math.round(rates.at(-1) ?? 0)} responses/s; ${writes} writes, ${reads} reads`);
    }
    const figures = { 'responses a second': round(median(rates), 0) };
    console.log(`  spread: ${spreadText(rates, 0)}`);
    const target = { name: 'responses a second', value: median(rates), limit: 5_000, atLeast: true };
    return { name: 'drain', figures, missed: printTargets([target]) };
  } finally {
    await stack.close();
  }
}
