import type { DocumentData, Firestore } from '@google-cloud/firestore';
import type { StackUsage } from '../../local/bill/usage.ts';
import { type LocalStack, startStack } from '../../local/stack.ts';
import { Api } from './api.ts';
import { openDatabase, readTasks } from './database.ts';
import { faultOf, type SentTask } from './expected.ts';
import { writePlainly } from './plain.ts';
import {
  batchesOf,
  moving,
  pollsOf,
  replay,
  requestsOf,
  sentTasks,
  singleLinesOf,
  type TimedRequest,
  type Visibility,
} from './replay.ts';
import { withStandingStack } from './standingStack.ts';
import { difference, noUsage, sum } from './usage.ts';
import type { WorkloadEvent } from './workload.ts';

/** All that is buffered is written by then: the longest wait is 60 s, and its carrier one tick. */
const bufferedMs = 130_000;

/** Deadlines come an hour after the creation. */
const deadlinesMs = 3_700_000;

export interface TraceRun {
  name: string;
  tasks: number;
  responses: number;
  miners: number;
  /** Usage until everything that was sent is written. */
  flushed: StackUsage;
  /** An hour later, with the deadlines of the tasks that were left incomplete. */
  ended: StackUsage;
  wrongTasks: string[];
}

export interface TraceOptions {
  name: string;
  events: readonly WorkloadEvent[];
  visibility: Visibility;
  /** A proxy sends what came in each of these as one request; absent: each event is a request of its own. */
  batchMs?: number;
  /** Events that are requests of their own come by POST /v1/events too, not by the routes for one of them. */
  asLines?: boolean;
  /** Sends the events, instead of requests that are made of them. */
  send?: (stack: LocalStack) => Promise<void>;
  profile?: 'default' | 'small';
  /** Miners that poll while the events come. */
  miners?: number;
}

/** Replays events through HTTP on a stack of its own, by its clock, and counts the bill, starts included. */
export async function replayRun(options: TraceOptions): Promise<TraceRun> {
  const { name, events, profile = 'default', miners = 0 } = options;
  return await withStandingStack({ PROFILE: profile }, async (stack) => {
    const database = openDatabase(stack);
    try {
      const api = new Api(stack);
      const spanMs = events.at(-1)?.atMs ?? 0;
      const polls = pollsOf(miners, spanMs);
      if (options.send !== undefined) await options.send(stack);
      else await replay(stack, api, inOrder([...requestsFor(options), ...polls]));
      await stack.advance(bufferedMs);
      const flushed = stack.usage();
      const tasks = sentTasks(events);
      // Of a long workload the first deadlines have passed by now; the check after the last one covers them.
      const wrongTasks =
        spanMs < deadlinesMs - bufferedMs
          ? await moving(stack, () => wrongOf(database, api, tasks, { isPast: false }))
          : [];
      const before = stack.usage();
      await stack.advance(deadlinesMs);
      const ended = sum(flushed, difference(stack.usage(), before));
      wrongTasks.push(...(await moving(stack, () => wrongOf(database, api, tasks, { isPast: true }))));
      const responses = events.filter(({ kind }) => kind === 'response').length;
      return { name, tasks: tasks.length, responses, miners, flushed, ended, wrongTasks };
    } finally {
      await database.terminate();
    }
  });
}

function requestsFor({ events, visibility, batchMs = 0, asLines = false }: TraceOptions): TimedRequest[] {
  if (batchMs > 0) return batchesOf(events, visibility, batchMs);
  return asLines ? singleLinesOf(events, visibility) : requestsOf(events, visibility);
}

async function wrongOf(
  database: Firestore,
  api: Api,
  tasks: readonly SentTask[],
  deadline: { isPast: boolean },
): Promise<string[]> {
  const stored = await readTasks(
    database,
    tasks.map(({ task_id }) => task_id),
  );
  const documents = await Promise.all(stored.map((document) => withBodies(api, document)));
  return tasks.flatMap((task, index) => {
    const fault = faultOf(task, documents[index], deadline);
    return fault === undefined ? [] : [`${task.task_id}: ${fault}`];
  });
}

/** The document with the bodies that are kept in Cloud Storage, as a reader gets them. */
async function withBodies(api: Api, document: DocumentData | undefined): Promise<DocumentData | undefined> {
  const responses: Record<string, DocumentData> = document?.['miner_responses'] ?? {};
  if (!Object.values(responses).some((response) => 'response_body' in response)) return document;
  const { body } = await api.expect(`/v1/tasks/${document?.['task_id']}`, { method: 'GET', role: 'read' });
  const shown = (body as { miner_responses: Record<string, { response_data: unknown }> }).miner_responses;
  const whole = Object.entries(responses).map(([uid, response]) => [
    uid,
    { ...response, response_data: shown[uid]?.response_data },
  ]);
  return { ...document, miner_responses: Object.fromEntries(whole) };
}

/** The same events written the plain way, straight to the same local Firestore. */
export async function plainRun(name: string, events: readonly WorkloadEvent[]): Promise<TraceRun> {
  const stack = await startStack({ ports: 'free', quiet: true });
  const database = openDatabase(stack);
  try {
    await writePlainly(database, events);
    const usage = { ...noUsage, firestore: stack.usage().firestore };
    const responses = events.filter(({ kind }) => kind === 'response').length;
    return {
      name,
      tasks: sentTasks(events).length,
      responses,
      miners: 0,
      flushed: usage,
      ended: usage,
      wrongTasks: [],
    };
  } finally {
    await database.terminate();
    await stack.close();
  }
}

/** The first tasks of a workload, one a minute, each with its own relative times. */
export function spread(events: readonly WorkloadEvent[], taskCount: number): WorkloadEvent[] {
  const starts = new Map<string, { fromMs: number; toMs: number }>();
  for (const { kind, taskId, atMs } of events) {
    if (kind === 'task' && starts.size < taskCount) {
      starts.set(taskId, { fromMs: atMs, toMs: starts.size * 60_000 + (atMs % 60_000) });
    }
  }
  return inOrder(
    events.flatMap((event) => {
      const start = starts.get(event.taskId);
      return start === undefined ? [] : [{ ...event, atMs: event.atMs - start.fromMs + start.toMs }];
    }),
  );
}

/** The events of the tasks that begin before `untilMs`. */
export function beginning(events: readonly WorkloadEvent[], untilMs: number): WorkloadEvent[] {
  const ids = new Set(
    events.filter(({ kind, atMs }) => kind === 'task' && atMs < untilMs).map((e) => e.taskId),
  );
  return events.filter(({ taskId }) => ids.has(taskId));
}

function inOrder<Timed extends WorkloadEvent | TimedRequest>(items: readonly Timed[]): Timed[] {
  return items.toSorted((a, b) => a.atMs - b.atMs);
}
