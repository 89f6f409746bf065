import type { protos } from '@google-cloud/tasks';
import { status } from '@grpc/grpc-js';
import type { LocalClock } from '../shared/clock.ts';
import { invalidArgument, notFound, TasksError } from './errors.ts';
import { limits, operationsFor } from './limits.ts';
import type { Received } from './protos.ts';
import type { Queue } from './queue.ts';
import type { Queues } from './queues.ts';
import type { NewTask, Task } from './task.ts';
import * as wire from './wire.ts';

type CreateTask = protos.google.cloud.tasks.v2.ICreateTaskRequest;
type ListTasks = protos.google.cloud.tasks.v2.IListTasksRequest;
type ViewTask = protos.google.cloud.tasks.v2.IGetTaskRequest;
type ByName = protos.google.cloud.tasks.v2.IGetQueueRequest;
type ListQueues = protos.google.cloud.tasks.v2.IListQueuesRequest;
type CreateQueue = protos.google.cloud.tasks.v2.ICreateQueueRequest;
type UpdateQueue = protos.google.cloud.tasks.v2.IUpdateQueueRequest;
type GetQueueBeta = protos.google.cloud.tasks.v2beta3.IGetQueueRequest;

/** A response message and the operations that the call is billed. */
interface Answer {
  response: object;
  operations: number;
}

/** Answers one RPC, or throws a {@link TasksError}. */
export type Handler = (received: Received) => Answer;

/** google.cloud.tasks.v2.CloudTasks, without IAM. */
export function v2Handlers(queues: Queues, clock: LocalClock): Record<string, Handler> {
  const changeQueue = (change: (queue: Queue) => void): Handler =>
    handle<ByName>((request) => {
      const queue = queues.get(request.name ?? '');
      change(queue);
      return once(wire.writeQueue(queue));
    });
  return {
    CreateTask: handle<CreateTask>((request, { bytes, caller }) => {
      const queue = queues.get(request.parent ?? '');
      const wanted = wire.readTask(queue.name(), request.task ?? {}, bytes, clock.now());
      return createTask(queue, { ...wanted, putBy: caller }, wire.isFullView(request.responseView));
    }),
    GetTask: handle<ViewTask>((request) => {
      const { task } = findTask(queues, request.name);
      return oneTask(task, wire.isFullView(request.responseView));
    }),
    ListTasks: handle<ListTasks>((request) => listTasks(queues, request)),
    DeleteTask: handle<ByName>((request) => {
      const { queue, task } = findTask(queues, request.name);
      queue.remove(task);
      return once({});
    }),
    RunTask: handle<ViewTask>((request) => {
      const { queue, task } = findTask(queues, request.name);
      queue.run(task);
      return oneTask(task, wire.isFullView(request.responseView));
    }),
    GetQueue: changeQueue(() => undefined),
    PauseQueue: changeQueue((queue) => queue.setRunState('PAUSED')),
    ResumeQueue: changeQueue((queue) => queue.setRunState('RUNNING')),
    PurgeQueue: changeQueue((queue) => queue.purge()),
    ListQueues: handle<ListQueues>((request) => {
      const inParent = queues.all().filter((queue) => queue.name().startsWith(`${request.parent}/queues/`));
      return {
        response: { queues: inParent.map(wire.writeQueue) },
        operations: Math.max(1, inParent.length),
      };
    }),
    CreateQueue: handle<CreateQueue>((request) =>
      once(wire.writeQueue(queues.create(wire.readQueueConfig(request.queue ?? {})))),
    ),
    UpdateQueue: handle<UpdateQueue>(({ queue, updateMask }) => {
      const config = wire.readQueueConfig(queue ?? {});
      return once(wire.writeQueue(queues.ensure(config, updateMask?.paths ?? [])));
    }),
    DeleteQueue: handle<ByName>((request) => {
      queues.delete(request.name ?? '');
      return once({});
    }),
  };
}

/** google.cloud.tasks.v2beta3.CloudTasks: only GetQueue, because only this version has a queue's `stats`. */
export function v2beta3Handlers(queues: Queues): Record<string, Handler> {
  return {
    GetQueue: handle<GetQueueBeta>((request) => {
      const queue = queues.get(request.name ?? '');
      const paths = request.readMask?.paths ?? [];
      const isWanted = (field: string) =>
        paths.some((path) => path === field || path.startsWith(`${field}.`));
      const all = Object.entries(wire.writeQueue(queue));
      const response = Object.fromEntries(
        paths.length === 0 ? all : all.filter(([field]) => isWanted(snake(field))),
      );
      return once(isWanted('stats') ? { ...response, stats: wire.writeStats(queue) } : response);
    }),
  };
}

/** google.cloud.location.Locations: the regions in which there are queues. */
export function locationHandlers(queues: Queues): Record<string, Handler> {
  return {
    ListLocations: handle<ByName>(() => {
      const names = queues.all().map((queue) => queue.name().split('/queues/')[0] ?? '');
      const locations = [...new Set(names)].map((name) => ({ name, locationId: name.split('/').at(-1) }));
      return { response: { locations }, operations: 0 };
    }),
  };
}

function handle<Request>(work: (request: Request, received: Received) => Answer): Handler {
  return (received) => work(received.decode() as Request, received);
}

function once(response: object): Answer {
  return { response, operations: 1 };
}

function createTask(queue: Queue, wanted: NewTask, isFull: boolean): Answer {
  const task = queue.create(wanted);
  if (task === undefined) {
    throw new TasksError(
      status.ALREADY_EXISTS,
      `The name "${wanted.name}" belongs to a task, or did so in the last 24 hours.`,
    );
  }
  return { response: wire.writeTask(task, isFull), operations: operationsFor(wanted.bytes) };
}

/** A listed task costs as much as one that is got (https://cloud.google.com/tasks/pricing). */
function listTasks(queues: Queues, request: ListTasks): Answer {
  const queue = queues.get(request.parent ?? '');
  const isFull = wire.isFullView(request.responseView);
  const after = Number(request.pageToken || 0);
  if (!Number.isSafeInteger(after)) throw invalidArgument('The page token is not one of this queue.');
  if ((request.pageSize ?? 0) < 0) throw invalidArgument('The page size must not be negative.');
  const pageSize = Math.min(request.pageSize || limits.maxPageSize, limits.maxPageSize);
  const found = queue.list(after, pageSize + 1);
  const page = found.slice(0, pageSize);
  const answers = page.map((task) => oneTask(task, isFull));
  return {
    response: {
      tasks: answers.map((answer) => answer.response),
      nextPageToken: found.length > pageSize ? String(page.at(-1)?.sequence) : '',
    },
    operations: Math.max(1, sum(answers.map((answer) => answer.operations))),
  };
}

function findTask(queues: Queues, name: string | null | undefined): { queue: Queue; task: Task } {
  const [queueName = '', id] = (name ?? '').split('/tasks/');
  if (id === undefined) throw invalidArgument(`Not a task name: "${name}".`);
  const queue = queues.get(queueName);
  const task = queue.get(name ?? '');
  if (task === undefined) throw notFound(`Task "${name}"`);
  return { queue, task };
}

function oneTask(task: Task, isFull: boolean): Answer {
  return { response: wire.writeTask(task, isFull), operations: isFull ? operationsFor(task.bytes) : 1 };
}

function sum(counts: number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

function snake(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
