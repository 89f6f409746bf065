import { join } from 'node:path';
import { readLines, writeLines } from '../shared/snapshot.ts';
import type { QueueConfig } from './queue.ts';
import type { Queues } from './queues.ts';
import type { StoredTasks } from './store.ts';
import type { Task, TaskRequest } from './task.ts';

const fileName = 'tasks.jsonl';
const format = 'sluice-tasks 1';

/** A queue; its tasks follow it. */
interface QueueLine extends Omit<StoredTasks, 'tasks'> {
  config: QueueConfig;
  isPaused: boolean;
  purgedMs: number | undefined;
}

/** A task, its body in base64. */
interface TaskLine extends Omit<Task, 'request'> {
  request: Omit<TaskRequest, 'body'> & { body: string };
}

/** Beginnings of the addresses of the tasks' targets, before and now. */
export interface Move {
  from: string;
  to: string;
}

export async function writeSnapshot(directory: string, queues: Queues): Promise<void> {
  await writeLines(join(directory, fileName), format, linesOf(queues));
}

function* linesOf(queues: Queues): Iterable<QueueLine | TaskLine> {
  for (const queue of queues.all()) {
    const { config, isPaused, purgedMs, stored } = queue.state();
    const { tasks, ...rest } = stored;
    yield { config, isPaused, purgedMs, ...rest };
    for (const task of tasks) {
      const body = Buffer.from(task.request.body).toString('base64');
      yield { ...task, request: { ...task.request, body } };
    }
  }
}

/**
 * Puts queues and tasks back. A queue that exists keeps its settings; its tasks are dispatched from now on.
 * @throws SnapshotError
 */
export async function readSnapshot(directory: string, queues: Queues, move?: Move): Promise<void> {
  const read: { line: QueueLine; tasks: Task[] }[] = [];
  for await (const line of readLines<QueueLine | TaskLine>(join(directory, fileName), format)) {
    if ('config' in line) read.push({ line, tasks: [] });
    else read.at(-1)?.tasks.push(taskOf(line, move));
  }
  for (const { line, tasks } of read) {
    const { config, isPaused, purgedMs, lastSequence, takenNames } = line;
    const queue = queues.all().find((each) => each.name() === config.name) ?? queues.create(config);
    queue.restore({ isPaused, purgedMs, stored: { lastSequence, takenNames, tasks } });
  }
}

function taskOf(line: TaskLine, move: Move | undefined): Task {
  const { oidc, ...request } = line.request;
  return {
    ...line,
    state: 'waiting',
    firstAttempt: line.firstAttempt,
    lastAttempt: line.lastAttempt,
    request: {
      ...request,
      url: moved(request.url, move),
      body: Buffer.from(request.body, 'base64'),
      oidc: oidc === undefined ? undefined : { ...oidc, audience: moved(oidc.audience, move) },
    },
  };
}

function moved(address: string, move: Move | undefined): string {
  return move !== undefined && address.startsWith(move.from)
    ? move.to + address.slice(move.from.length)
    : address;
}
