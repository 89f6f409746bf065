import type { CloudTasksClient } from '@google-cloud/tasks';
import { AppError } from './errors.ts';
import { type CallBound, Remote } from './remote.ts';

/** A task queue function's queue, as much of it as Sluice needs. */
export interface TaskQueue {
  /**
   * Puts one unnamed task whose request body is `{"data": data}`. Unnamed, because a name stays taken after its
   * task ran (https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues.tasks/create).
   * Resolves with the name that it got, where that is known.
   * @throws AppError `unavailable`; the task may be there all the same.
   */
  put(data: Record<string, unknown>, dueMs: number): Promise<string | undefined>;
}

/** The queue of a task queue function, and how long a call to it may take. */
export interface QueueAddress extends CallBound {
  projectId: string;
  region: string;
  /** The function's id, which is its queue's name too. */
  functionName: string;
}

interface TaskQueueOptions extends QueueAddress {
  /** The account Cloud Tasks calls the function as; empty: the one this process runs as. */
  serviceAccount: string;
}

/** Seconds that Cloud Tasks waits for a dispatch to be answered (15 to 1800 are allowed). */
const dispatchDeadlineSeconds = 120;

/** One client a process. */
export const cloudTasks = tasksRemote<CloudTasksClient>(() => import('./tasksClient.ts'));

/** A client of Cloud Tasks itself, or of what SLUICE_TASKS_HOST names; `grpc`: of the google-gax that it uses. */
export function tasksRemote<Client extends { initialize(): Promise<unknown>; close(): Promise<void> }>(
  load: () => Promise<{
    CloudTasksClient: new (options: ReturnType<typeof clientOptions>) => Client;
    grpc: typeof import('google-gax').grpc;
  }>,
): Remote<Client> {
  const open = async (): Promise<Client> => {
    const { CloudTasksClient: Client, grpc } = await load();
    const client = new Client(clientOptions(grpc));
    // One without credentials would keep the failure to get them for ever.
    await client.initialize();
    return client;
  };
  return new Remote('Cloud Tasks', open, { close: (client) => client.close() });
}

function clientOptions(grpc: typeof import('google-gax').grpc) {
  const host = process.env['SLUICE_TASKS_HOST'];
  if (host === undefined) return {};
  const [apiEndpoint, port] = host.split(':');
  return {
    apiEndpoint: apiEndpoint ?? '127.0.0.1',
    port: Number(port),
    sslCreds: grpc.credentials.createInsecure(),
  };
}

/** True where the tasks go to firebase-tools' emulator, which can only take them. */
export function isTasksEmulator(): boolean {
  return process.env['CLOUD_TASKS_EMULATOR_HOST'] !== undefined;
}

/** The queue behind a task queue function of this project; in the official emulator through the Admin SDK. */
export function taskQueue(options: TaskQueueOptions): TaskQueue {
  return isTasksEmulator() ? emulatorQueue(options) : cloudQueue(options);
}

/** The queue's full name. */
export function queueName({ projectId, region, functionName }: QueueAddress): string {
  return `projects/${projectId}/locations/${region}/queues/${functionName}`;
}

function cloudQueue(options: TaskQueueOptions): TaskQueue {
  const { projectId, region, functionName, limitMs: timeout } = options;
  const parent = queueName(options);
  const base = process.env['SLUICE_FUNCTIONS_URL'] ?? `https://${region}-${projectId}.cloudfunctions.net`;
  let serviceAccountEmail: string | undefined;
  return {
    put: async (data, dueMs) => {
      const call = async (client: CloudTasksClient): Promise<string | undefined> => {
        serviceAccountEmail ??= await serviceAccountOf(client, options.serviceAccount);
        const task = {
          httpRequest: {
            url: `${base}/${functionName}`,
            httpMethod: 'POST' as const,
            headers: { 'Content-Type': 'application/json' },
            body: Buffer.from(JSON.stringify({ data })),
            oidcToken: { serviceAccountEmail },
          },
          scheduleTime: { seconds: Math.floor(dueMs / 1000), nanos: Math.round(dueMs % 1000) * 1e6 },
          dispatchDeadline: { seconds: dispatchDeadlineSeconds },
        };
        const [{ name }] = await client.createTask({ parent, task }, { timeout });
        return name?.slice(name.lastIndexOf('/') + 1);
      };
      return cloudTasks.call(options, call).catch(unavailable);
    },
  };
}

/** The account that is configured, or else the machine's. */
async function serviceAccountOf(client: CloudTasksClient, configured: string): Promise<string> {
  if (configured !== '') return configured;
  if (process.env['SLUICE_TASKS_HOST'] !== undefined) return 'local@sluice.invalid';
  const { client_email: email } = await client.auth.getCredentials();
  if (!email) throw new Error('The credentials name no service account; set TASKS_SERVICE_ACCOUNT.');
  return email;
}

/** firebase-tools' Tasks emulator speaks only what the Admin SDK's `enqueue` sends, and ignores the schedule time. */
function emulatorQueue({ region, functionName, ...bound }: TaskQueueOptions): TaskQueue {
  const remote = new Remote('The Cloud Tasks emulator', async () => {
    const [{ getApps, initializeApp }, { getFunctions }] = await Promise.all([
      import('firebase-admin/app'),
      import('firebase-admin/functions'),
    ]);
    const resource = `locations/${region}/functions/${functionName}`;
    return getFunctions(getApps()[0] ?? initializeApp()).taskQueue<Record<string, unknown>>(resource);
  });
  return {
    put: async (data, dueMs) => {
      const options = { scheduleTime: new Date(dueMs), dispatchDeadlineSeconds };
      await remote.call(bound, (queue) => queue.enqueue(data, options)).catch(unavailable);
      return undefined;
    },
  };
}

function unavailable(cause: unknown): never {
  throw new AppError('unavailable', 'Cloud Tasks does not take tasks; try again.', { cause });
}
