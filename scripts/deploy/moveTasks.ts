import type { CloudTasksClient, protos } from '@google-cloud/tasks';
import { status } from '@grpc/grpc-js';

type Task = protos.google.cloud.tasks.v2.ITask;

interface Moving {
  /** Full names of the queues. */
  from: string;
  to: string;
  /** Address of the function that the tasks are for from now on. */
  url: string;
}

const pageSize = 200;
/** Far below what Cloud Tasks takes of a project: https://cloud.google.com/tasks/docs/quotas */
const atOnce = 20;

/**
 * Moves all tasks of a queue into another, each to its time: put there first and deleted then, so that a task may be
 * there twice and never not at all.
 * @returns how many there were.
 */
export async function moveTasks(client: CloudTasksClient, moving: Moving): Promise<number> {
  const { from: parent } = moving;
  for (let moved = 0; ; ) {
    const request = { parent, pageSize, responseView: 'FULL' as const };
    const [tasks] = await client.listTasks(request, { autoPaginate: false });
    if (tasks.length === 0) return moved;
    for (let at = 0; at < tasks.length; at += atOnce)
      await Promise.all(tasks.slice(at, at + atOnce).map((task) => move(client, moving, task)));
    moved += tasks.length;
  }
}

async function move(client: CloudTasksClient, { to: parent, url }: Moving, task: Task): Promise<void> {
  const { name, httpRequest, scheduleTime, dispatchDeadline } = task;
  const { oidcToken, ...request } = httpRequest ?? {};
  const given = oidcToken && { oidcToken: { serviceAccountEmail: oidcToken.serviceAccountEmail ?? null } };
  const moved = { httpRequest: { ...request, url, ...given }, scheduleTime, dispatchDeadline };
  await client.createTask({ parent, task: moved as Task });
  // It may have been worked on meanwhile.
  await client.deleteTask({ name: name ?? '' }).catch((error: { code?: number }) => {
    if (error.code !== status.NOT_FOUND) throw error;
  });
}
