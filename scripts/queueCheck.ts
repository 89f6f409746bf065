import type { CloudTasksClient } from '@google-cloud/tasks';

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
  found: readonly FoundQueue[];
  /** Short names of queues that belong to something else in the project. */
  foreign: readonly string[];
}

/**
 * Finds what a deploy would lose, one sentence a queue; empty when it would lose nothing. The Firebase CLI disables the
 * queue of a function that is gone from the code, and purges a disabled queue when its function is deployed again
 * (firebase-tools, `gcp/cloudtasks`, `upsertQueue`).
 */
export function whatWouldBeLost({ declared, found, foreign }: QueueCheck): string[] {
  return found
    .filter(({ name, holdsTasks }) => holdsTasks && !foreign.includes(shortName(name)))
    .flatMap(({ name, isDisabled }) => {
      if (!declared.includes(name)) {
        return [`${name} holds tasks, and no function of this code base has this name and region any more.`];
      }
      return isDisabled
        ? [`${name} is disabled and holds tasks; deploying its function again would purge them.`]
        : [];
    });
}

/** The project's queues in these regions, each asked whether it holds a task. */
export async function findQueues(
  client: CloudTasksClient,
  projectId: string,
  regions: readonly string[],
): Promise<FoundQueue[]> {
  const inRegions = await Promise.all(
    regions.map(async (region) => {
      const [queues] = await client.listQueues({ parent: `projects/${projectId}/locations/${region}` });
      return Promise.all(
        queues.map((queue) => inspect(client, queue.name ?? '', queue.state === 'DISABLED')),
      );
    }),
  );
  return inRegions.flat();
}

async function inspect(client: CloudTasksClient, name: string, isDisabled: boolean): Promise<FoundQueue> {
  const [tasks] = await client.listTasks({ parent: name, pageSize: 1 }, { autoPaginate: false });
  return { name, isDisabled, holdsTasks: tasks.length > 0 };
}

/** Every region that Cloud Tasks has for the project, as a function may have been anywhere. */
export async function allRegions(client: CloudTasksClient, projectId: string): Promise<string[]> {
  const regions: string[] = [];
  for await (const { locationId } of client.listLocationsAsync({ name: `projects/${projectId}` })) {
    if (locationId) regions.push(locationId);
  }
  return regions;
}

/** True where Cloud Tasks was never switched on in the project: there can be no queues then. */
export function isApiDisabled(error: unknown): boolean {
  return error instanceof Error && 'reason' in error && error.reason === 'SERVICE_DISABLED';
}

function shortName(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}
