import type { CloudTasksClient } from '@google-cloud/tasks';
import { status } from '@grpc/grpc-js';

/** A queue of the project. */
export interface FoundQueue {
  /** `projects/P/locations/REGION/queues/NAME` */
  name: string;
  isDisabled: boolean;
  holdsTasks: boolean;
}

interface QueueCheck {
  /** Full names of the queues that the code base is about to deploy. */
  declared: readonly string[];
  /** These, and queues of functions that the deploy deletes, as far as they exist. */
  found: readonly FoundQueue[];
}

/**
 * Finds what a deploy would lose, one sentence a queue; empty when it would lose nothing. The Firebase CLI disables the
 * queue of a function that is gone from the code, and purges a disabled queue when its function is deployed again
 * (firebase-tools, `gcp/cloudtasks`, `upsertQueue`).
 */
export function whatWouldBeLost({ declared, found }: QueueCheck): string[] {
  return found
    .filter(({ holdsTasks }) => holdsTasks)
    .flatMap(({ name, isDisabled }) => {
      if (!declared.includes(name)) {
        return [`${name} holds tasks, and no function of this code base has this name and region any more.`];
      }
      return isDisabled
        ? [`${name} is disabled and holds tasks; deploying its function again would purge them.`]
        : [];
    });
}

/** Asks each of the queues that exist whether it holds a task. */
export async function findQueues(client: CloudTasksClient, names: readonly string[]): Promise<FoundQueue[]> {
  const found = await Promise.all(names.map((name) => inspect(client, name)));
  return found.filter((queue) => queue !== undefined);
}

async function inspect(client: CloudTasksClient, name: string): Promise<FoundQueue | undefined> {
  try {
    const [queue] = await client.getQueue({ name });
    const [tasks] = await client.listTasks({ parent: name, pageSize: 1 }, { autoPaginate: false });
    return { name, isDisabled: queue.state === 'DISABLED', holdsTasks: tasks.length > 0 };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === status.NOT_FOUND) return undefined;
    throw error;
  }
}

/** True where Cloud Tasks was never switched on in the project: there can be no queues then. */
export function isApiDisabled(error: unknown): boolean {
  return error instanceof Error && 'reason' in error && error.reason === 'SERVICE_DISABLED';
}
