import { setTimeout as sleep } from 'node:timers/promises';
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

/** Time passes in such steps while answers are waited for. */
export const answerStepMs = 20;

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

/** Most lines of one request. */
const maxLines = 1_000;

/** The same events by a proxy that sends what came in each `everyMs` as one request, in their order. */
export function batchesOf(
  events: readonly WorkloadEvent[],
  visibility: Visibility,
  everyMs: number,
): TimedRequest[] {
  const batches = new Map<number, string[]>();
  for (const event of events) {
    const atMs = (Math.floor(event.atMs / everyMs) + 1) * everyMs;
    const lines = batches.get(atMs) ?? [];
    batches.set(atMs, lines);
    lines.push(JSON.stringify(lineOf(event, visibility)));
  }
  return [...batches].flatMap(([atMs, lines]) =>
    Array.from({ length: Math.ceil(lines.length / maxLines) }, (_, index) =>
      eventsRequest(atMs, lines.slice(index * maxLines, (index + 1) * maxLines)),
    ),
  );
}

/** Each event as a request of its own with one line, so that one function takes them all. */
export function singleLinesOf(events: readonly WorkloadEvent[], visibility: Visibility): TimedRequest[] {
  return events.map((event) => eventsRequest(event.atMs, [JSON.stringify(lineOf(event, visibility))]));
}

function eventsRequest(atMs: number, lines: readonly string[]): TimedRequest {
  const text = { type: 'application/x-ndjson', content: lines.join('\n') };
  return { atMs, path: '/v1/events', sent: { text } };
}

function lineOf({ kind, taskId, body }: WorkloadEvent, visibility: Visibility): object {
  if (kind === 'response') return { type: 'response', ...body };
  const waits = visibility === 'default' ? {} : { visibility };
  return kind === 'task'
    ? { type: 'task', ...body, ...waits }
    : { type: 'fields', task_id: taskId, ...body, ...waits };
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
 * Sends requests, sorted by time, at their moments of the stack's clock, which stands still. Resolves when all are
 * answered; throws when one is not answered with a 2xx.
 */
export async function replay(stack: LocalStack, api: Api, requests: readonly TimedRequest[]): Promise<void> {
  await toTick(stack);
  const startMs = stack.now();
  const failures: unknown[] = [];
  let open = 0;
  for (const { atMs, path, sent } of requests) {
    const waitMs = startMs + atMs - stack.now();
    if (waitMs > 0) {
      await arrived(stack, () => open);
      await stack.advance(waitMs);
    }
    open += 1;
    const answered = api.expect(path, sent).catch((error: unknown) => failures.push(error));
    void answered.finally(() => {
      open -= 1;
    });
    if (failures.length > 0) throw failures[0];
  }
  await arrived(stack, () => open);
  await moving(stack, async () => {
    while (open > 0) await sleep(1);
  });
  if (failures.length > 0) throw failures[0];
}

/** Moves the clock to the next tick. */
export async function toTick(stack: LocalStack): Promise<void> {
  await stack.advance(tickMs - (stack.now() % tickMs));
}

/** Does work that waits for the stack's services, whose time passes meanwhile. */
export async function moving<Result>(stack: LocalStack, work: () => Promise<Result>): Promise<Result> {
  let isDone = false;
  const result = work().finally(() => {
    isDone = true;
  });
  while (!isDone) {
    await sleep(1);
    await stack.advance(answerStepMs);
  }
  return result;
}

/** Waits until the stack has got every request that is not answered: until then time must not pass. */
async function arrived(stack: LocalStack, open: () => number): Promise<void> {
  while (stack.clientsInFlight() < open()) await sleep(0);
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
