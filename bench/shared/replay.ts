import type { LocalStack } from '../../local/stack.ts';
import type { Api, Sent } from './api.ts';
import type { SentTask } from './expected.ts';
import type { WorkloadEvent } from './workload.ts';

/** A request at a moment of the workload's time. */
export interface TimedRequest {
  atMs: number;
  path: string;
  sent: Sent;
}

export type Visibility = 'default' | 'deferred' | 'prompt';

/** Requests closer together than this would meet in a group commit anyway, so they are sent at once. */
const togetherMs = 20;

/** FLUSH_TICK_SECONDS: a replay begins at a tick, as the workload's own figures do. */
const tickMs = 5000;

/** The requests a proxy and its miners make for these events. */
export function requestsOf(events: readonly WorkloadEvent[], visibility: Visibility): TimedRequest[] {
  const query = visibility === 'default' ? '' : `?visibility=${visibility}`;
  return events.map(({ atMs, kind, taskId, body }) => {
    if (kind === 'task') return { atMs, path: `/v1/tasks${query}`, sent: { body } };
    if (kind === 'status')
      return { atMs, path: `/v1/tasks/${taskId}${query}`, sent: { method: 'PATCH', body } };
    return { atMs, path: '/v1/responses', sent: { body, role: 'miner' } };
  });
}

/** Polls of so many miners, each every 10 s, evenly spread. */
export function pollsOf(miners: number, spanMs: number): TimedRequest[] {
  const everyMs = 10_000;
  const polls: TimedRequest[] = [];
  for (let round = 0; round * everyMs < spanMs; round += 1) {
    for (let uid = 0; uid < miners; uid += 1) {
      const atMs = round * everyMs + Math.floor((uid * everyMs) / miners);
      if (atMs >= spanMs) continue;
      const path = `/api/v1/miners/${uid}/tasks?status=assigned`;
      polls.push({ atMs, path, sent: { method: 'GET', role: 'miner' } });
    }
  }
  return polls;
}

/**
 * Sends requests, sorted by time, at their moments of the stack's clock. Throws when one is not answered with a 2xx.
 */
export async function replay(stack: LocalStack, api: Api, requests: readonly TimedRequest[]): Promise<void> {
  await stack.advance(tickMs - (stack.now() % tickMs));
  const startMs = stack.now();
  for (let next = 0; next < requests.length; ) {
    const atMs = requests[next]?.atMs ?? 0;
    const together: TimedRequest[] = [];
    for (; next < requests.length; next += 1) {
      const request = requests[next];
      if (request === undefined || request.atMs >= atMs + togetherMs) break;
      together.push(request);
    }
    const waitMs = startMs + atMs - stack.now();
    if (waitMs > 0) await stack.advance(waitMs);
    await Promise.all(together.map(({ path, sent }) => api.expect(path, sent)));
  }
}

/**
 * Starts an instance of every function that the replay uses, so that starts, which take machine time and not the
 * workload's, do not count; then counts from zero.
 */
export async function warmUp(stack: LocalStack, api: Api): Promise<void> {
  const task = { task_id: 'warm-up', task_type: 'warm_up', required_miner_count: 1 };
  await api.expect('/v1/tasks?visibility=prompt', { body: task });
  await api.expect('/v1/responses', {
    body: { task_id: 'warm-up', miner_uid: 0, response_data: 'warm' },
    role: 'miner',
  });
  await stack.advance(70_000);
  stack.resetUsage();
}

/** Demands of the events on each task. */
export function sentTasks(events: readonly WorkloadEvent[]): SentTask[] {
  const tasks = new Map<string, SentTask>();
  for (const { kind, taskId, body } of events) {
    const task = tasks.get(taskId) ?? { task_id: taskId, required_miner_count: 3, responses: [] };
    tasks.set(taskId, task);
    if (kind === 'task') task.required_miner_count = Number(body['required_miner_count'] ?? 3);
    if (kind === 'response') task.responses.push(body as unknown as SentTask['responses'][number]);
  }
  return [...tasks.values()];
}
