import { setTimeout as sleep } from 'node:timers/promises';
import { amountsOf, type Costs, costsOf, scaledAmounts } from '../local/bill/bill.ts';
import type { StackUsage } from '../local/bill/usage.ts';
import type { LocalStack } from '../local/stack.ts';
import { Api } from './shared/api.ts';
import { openDatabase, readTasks } from './shared/database.ts';
import {
  bestFault,
  responsesFault,
  type SentResponse,
  type SentTask,
  statusFault,
} from './shared/expected.ts';
import { plainUsage } from './shared/plain.ts';

const taskCount = 20;
const requiredCount = 3;
/** Carriers are due at the next tick of 5 s and gathered for a moment; the rest is this machine's own slowness. */
const completionLimitMs = 30_000;

/** Long enough for every buffered event to be due, so that no later write goes uncounted. */
const settleMs = 65_000;

/** Most that Firestore may bill for a task by the default settings. */
const maxWritesPerTask = 1.26;
const maxReadsPerTask = 1.4;

interface Part {
  name: string;
  /** The fault found; undefined where the step passed. */
  fault: string | undefined;
  detail: string;
}

interface DemoOptions {
  /** Waits for the tick as it comes; otherwise the stack's clock is moved. */
  inRealTime: boolean;
  /** Is told what happens. */
  onStep?: (line: string) => void;
}

export interface DemoReport {
  parts: Part[];
  /** Events that were accepted, by kind. */
  accepted: { tasks: number; assignments: number; responses: number; repeated: number };
  /** Tasks of Cloud Tasks that reached the flush: those that acceptance put, and those that it put back itself. */
  carriers: { first: number; waited: number };
  /** Task documents that there are in the end. */
  documents: number;
  waitedMs: number;
  usage: StackUsage;
  /** The plain way's bill for the same events. */
  plain: StackUsage;
  /** Dollars for a million responses. */
  perMillion: { sluice: Costs; plain: Costs };
}

/**
 * Sends {@link taskCount} tasks with three responses each to a stack, as a proxy and its miners would, waits until they
 * are completed, and checks every document.
 */
export async function runDemo(
  stack: LocalStack,
  { onStep = () => {}, inRealTime }: DemoOptions,
): Promise<DemoReport> {
  const api = new Api(stack);
  const database = openDatabase(stack);
  try {
    const tasks = makeTasks();
    stack.resetUsage();
    const repeated = await sendAll(api, tasks);
    const responses = taskCount * requiredCount;
    const accepted = { tasks: taskCount, assignments: taskCount, responses, repeated };
    onStep(
      `Accepted  ${taskCount} tasks, ${taskCount} assignments, ${responses} responses, ${repeated} duplicates.`,
    );
    const waitedMs = await flushed(stack, inRealTime);
    const usage = stack.usage();
    const documents = await readTasks(
      database,
      tasks.map(({ task_id }) => task_id),
    );
    const written = documents.filter((document) => document !== undefined).length;
    onStep(`Written   ${written} task documents, ${(waitedMs / 1000).toFixed(1)} s after the last response.`);

    const unread = await unreadable(api, tasks);
    const faults = (check: typeof responsesFault): string | undefined => {
      const wrong = tasks.flatMap((task, index) => {
        const document = documents[index];
        const fault = document === undefined ? 'there is no document' : check(task, document);
        return fault === undefined ? [] : [`${task.task_id}: ${fault}`];
      });
      return wrong.length === 0 ? undefined : wrong.join('; ');
    };
    const { reads, writes } = usage.firestore;
    const isCheap = writes <= maxWritesPerTask * taskCount && reads <= maxReadsPerTask * taskCount;
    const plain = plainUsage({ tasks: taskCount, statuses: taskCount, responses });
    const { by_cause: causes = {} } = usage.functions.by_function['flush'] ?? {};
    const total = Object.values(accepted).reduce((sum, count) => sum + count, 0);
    return {
      parts: [
        { name: 'ingest', fault: undefined, detail: `${total} events in, each answered 2xx` },
        {
          name: 'flush',
          fault: written === taskCount ? undefined : `${taskCount - written} documents are missing`,
          detail: `${written} of ${taskCount} tasks have their document`,
        },
        { name: 'status', fault: faults(statusFault), detail: 'every task is completed' },
        { name: 'best response', fault: faults(bestFault), detail: 'the most accurate, then the fastest' },
        {
          name: 'exactly once',
          fault: faults(responsesFault),
          detail: 'every response is there, once, unaltered',
        },
        {
          name: 'read',
          fault: unread.length === 0 ? undefined : unread.join('; '),
          detail: 'GET /v1/tasks/{id} shows each of them completed',
        },
        {
          name: 'billed',
          fault: isCheap ? undefined : 'more than the design allows',
          detail: `${writes} writes, ${reads} reads; the plain way: ${plain.firestore.writes}, ${plain.firestore.reads}`,
        },
      ],
      accepted,
      carriers: { first: causes['first']?.requests ?? 0, waited: causes['waited']?.requests ?? 0 },
      documents: written,
      waitedMs,
      usage,
      plain,
      perMillion: {
        sluice: perMillion(usage, responses),
        plain: perMillion(plain, responses),
      },
    };
  } finally {
    await database.terminate();
  }
}

function perMillion(usage: StackUsage, responses: number): Costs {
  return costsOf(scaledAmounts(amountsOf(usage), 1_000_000 / responses));
}

function makeTasks(): SentTask[] {
  return Array.from({ length: taskCount }, (_, index): SentTask => {
    const task_id = `demo-${String(index).padStart(2, '0')}`;
    const responses = Array.from({ length: requiredCount }, (__, turn): SentResponse => {
      const miner_uid = (index * 7 + turn * 5) % 256;
      return {
        task_id,
        miner_uid,
        response_data: { output_text: `answer of miner ${miner_uid} to ${task_id}`, tokens: 10 + turn },
        processing_time: 0.5 + turn,
        accuracy_score: ((index + 1) * (turn + 3) * 13) % 10 === 0 ? 0.5 : 0.6 + ((index + turn) % 3) / 10,
        speed_score: 0.9 - turn / 10,
      };
    });
    return { task_id, required_miner_count: requiredCount, responses };
  });
}

/** All of it through HTTP; returns how many responses were sent a second time. */
async function sendAll(api: Api, tasks: readonly SentTask[]): Promise<number> {
  await Promise.all(tasks.map((task) => sendTask(api, task)));
  const again = tasks.slice(0, 2).flatMap(({ responses }) => responses.slice(0, 1));
  for (const response of again) await sendForm(api, response);
  return again.length;
}

async function sendTask(api: Api, { task_id, required_miner_count, responses }: SentTask): Promise<void> {
  const body = {
    task_id,
    required_miner_count,
    task_type: 'text_translation',
    input_text: { text: 'hello' },
  };
  await api.expect('/v1/tasks', { body });
  await api.expect(`/v1/tasks/${task_id}`, {
    method: 'PATCH',
    body: { status: 'assigned', assigned_miners: responses.map(({ miner_uid }) => miner_uid) },
  });
  const [first, ...others] = responses;
  if (first !== undefined) await sendForm(api, first);
  await api.expect('/v1/responses', { body: { responses: others } });
}

/** The form that existing miners send. */
async function sendForm(api: Api, { response_data, ...fields }: SentResponse): Promise<void> {
  const form = new URLSearchParams({ response_data: JSON.stringify(response_data) });
  for (const [name, value] of Object.entries(fields)) form.set(name, String(value));
  const text = { type: 'application/x-www-form-urlencoded', content: form.toString() };
  await api.expect('/api/v1/miner/response', { text, role: 'miner' });
}

/** Finds faults in the tasks as a reader gets them. */
async function unreadable(api: Api, tasks: readonly SentTask[]): Promise<string[]> {
  const answers = await Promise.all(
    tasks.map(({ task_id }) => api.send(`/v1/tasks/${task_id}`, { method: 'GET', role: 'read' })),
  );
  return answers.flatMap(({ status, body }, index) => {
    const shown = (body as { status?: unknown } | undefined)?.status;
    return status === 200 && shown === 'completed'
      ? []
      : [`${tasks[index]?.task_id}: ${status}, ${String(shown)}`];
  });
}

/** Waits until Firestore has been written and nothing more comes; returns for how long, in the stack's time. */
async function flushed(stack: LocalStack, inRealTime: boolean): Promise<number> {
  const startedMs = stack.now();
  const isWritten = (): boolean => stack.usage().firestore.writes >= taskCount;
  while (!isWritten() && stack.now() - startedMs < completionLimitMs) {
    if (inRealTime) await sleep(50);
    else await stack.advance(1000);
  }
  const waitedMs = stack.now() - startedMs;
  await stack.advance(settleMs);
  return waitedMs;
}
