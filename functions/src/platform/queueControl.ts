import type { CloudTasksClient, protos, v2beta3 } from '@google-cloud/tasks';
import { cloudTasks, isTasksEmulator, type QueueAddress, queueName, tasksRemote } from './cloudTasks.ts';
import { AppError } from './errors.ts';
import { parsedJson } from './json.ts';
import type { Remote } from './remote.ts';

/** An operator's control of a queue, and view of it. Every method throws AppError `unavailable`. */
export interface QueueControl {
  /** Nothing is dispatched any more; tasks are still taken. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** One billed operation; the counts are the service's estimates. */
  stats(): Promise<QueueStats>;
  /**
   * At most `limit` tasks with their contents, those being dispatched included; a billed operation for each, and two
   * for one over 32 KB. Needs the permission cloudtasks.tasks.fullView.
   */
  list(limit: number): Promise<{ tasks: QueuedTask[]; isWhole: boolean }>;
  /**
   * Dispatches a task now, also where the queue is paused; the service takes at most 60 of these a minute
   * (https://cloud.google.com/tasks/docs/quotas).
   */
  run(taskName: string): Promise<void>;
}

export interface QueueStats {
  isPaused: boolean;
  tasks: number;
  /** The time at which the next task is due; undefined in an empty queue. */
  nextDueMs: number | undefined;
}

/** `data`: as {@link TaskQueue.put} was given it; undefined where it cannot be read. */
export type QueuedTask = { name: string; data: unknown };

/** The service's clients; only v2beta3 has a queue's stats (googleapis, google/cloud/tasks/v2beta3/queue.proto). */
interface TasksClients {
  stable: Remote<CloudTasksClient>;
  beta: Remote<v2beta3.CloudTasksClient>;
}

const cloudTasksBeta = tasksRemote<v2beta3.CloudTasksClient>(() => import('./tasksBetaClient.ts'));

const maxPageSize = 100;

/** Control over the queue behind a task queue function; undefined in the official emulator, which offers none. */
export function queueControl(
  address: QueueAddress,
  { stable, beta }: TasksClients = { stable: cloudTasks, beta: cloudTasksBeta },
): QueueControl | undefined {
  if (isTasksEmulator()) return undefined;
  const name = queueName(address);
  const timeout = { timeout: address.limitMs };
  const call = <Client, Result>(remote: Remote<Client>, work: (client: Client) => Promise<Result>) =>
    remote.call(address, work).catch((cause: unknown) => {
      throw new AppError('unavailable', 'Cloud Tasks does not answer; try again.', { cause });
    });
  return {
    pause: async () => void (await call(stable, (client) => client.pauseQueue({ name }, timeout))),
    resume: async () => void (await call(stable, (client) => client.resumeQueue({ name }, timeout))),
    stats: async () => {
      const request = { name, readMask: { paths: ['state', 'stats'] } };
      const [{ state, stats }] = await call(beta, (client) => client.getQueue(request, timeout));
      return {
        isPaused: state === 'PAUSED',
        tasks: Number(stats?.tasksCount ?? 0),
        nextDueMs: millis(stats?.oldestEstimatedArrivalTime),
      };
    },
    list: async (limit) => {
      const tasks: QueuedTask[] = [];
      let pageToken = '';
      do {
        const pageSize = Math.min(maxPageSize, limit - tasks.length);
        const request = { parent: name, responseView: 'FULL' as const, pageSize, pageToken };
        const [page, , response] = await call(stable, (client) =>
          client.listTasks(request, { ...timeout, autoPaginate: false }),
        );
        for (const { name: task, httpRequest } of page)
          tasks.push({ name: task ?? '', data: dataOf(httpRequest?.body) });
        pageToken = response.nextPageToken ?? '';
      } while (pageToken !== '' && tasks.length < limit);
      return { tasks, isWhole: pageToken === '' };
    },
    run: async (task) => void (await call(stable, (client) => client.runTask({ name: task }, timeout))),
  };
}

function dataOf(body: Uint8Array | string | null | undefined): unknown {
  return (parsedJson(Buffer.from(body ?? '')) as { data?: unknown } | undefined)?.data;
}

function millis(time: protos.google.protobuf.ITimestamp | null | undefined): number | undefined {
  return time ? Number(time.seconds ?? 0) * 1000 + Math.floor((time.nanos ?? 0) / 1e6) : undefined;
}
