import type { CloudTasksClient } from '@google-cloud/tasks';
import { AppError } from './errors.ts';

/** A task queue function's queue, as much of it as Sluice needs. */
export interface TaskQueue {
  /**
   * Puts one unnamed task whose request body is `{"data": data}`. Unnamed, because a name stays taken after its
   * task ran (https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues.tasks/create).
   * @throws AppError `unavailable`; the task may be there all the same.
   */
  put(data: Record<string, unknown>, dueMs: number): Promise<void>;
}

export interface TaskQueueOptions {
  projectId: string;
  region: string;
  /** The function's name, which is its queue's name too. */
  functionName: string;
  /** The account Cloud Tasks calls the function as; empty: the one this process runs as. */
  serviceAccount: string;
  timeoutMs: number;
}

/** How long Cloud Tasks waits for a dispatch to be answered, seconds (15 to 1800 are allowed). */
const dispatchDeadlineSeconds = 120;

let sharedClient: Promise<CloudTasksClient> | undefined;

/** One client a process: Cloud Tasks itself, or what SLUICE_TASKS_HOST names. */
export function cloudTasksClient(): Promise<CloudTasksClient> {
  sharedClient ??= createClient();
  return sharedClient;
}

async function createClient(): Promise<CloudTasksClient> {
  const { CloudTasksClient: Client, grpc } = await import('./tasksClient.ts');
  return new Client(clientOptions(grpc));
}

/** What a Cloud Tasks client of any version is made with; `grpc`: of the google-gax that this client uses. */
export function clientOptions(grpc: typeof import('google-gax').grpc) {
  const host = process.env['SLUICE_TASKS_HOST'];
  if (host === undefined) return {};
  const [apiEndpoint, port] = host.split(':');
  return {
    apiEndpoint: apiEndpoint ?? '127.0.0.1',
    port: Number(port),
    sslCreds: grpc.credentials.createInsecure(),
  };
}

/** Whether the tasks go to firebase-tools' emulator, which knows no more than how to take one. */
export function isTasksEmulator(): boolean {
  return process.env['CLOUD_TASKS_EMULATOR_HOST'] !== undefined;
}

/** The queue behind a task queue function of this project; in the official emulator through the Admin SDK. */
export function taskQueue(options: TaskQueueOptions): TaskQueue {
  return isTasksEmulator() ? new EmulatorQueue(options) : new CloudQueue(options);
}

/** The queue's full name. */
export function queueName({
  projectId,
  region,
  functionName,
}: Pick<TaskQueueOptions, 'projectId' | 'region' | 'functionName'>): string {
  return `projects/${projectId}/locations/${region}/queues/${functionName}`;
}

class CloudQueue implements TaskQueue {
  readonly #options: TaskQueueOptions;
  readonly #parent: string;
  readonly #url: string;
  #serviceAccount: Promise<string> | undefined;

  constructor(options: TaskQueueOptions) {
    const { projectId, region, functionName } = options;
    this.#options = options;
    this.#parent = queueName(options);
    const base = process.env['SLUICE_FUNCTIONS_URL'] ?? `https://${region}-${projectId}.cloudfunctions.net`;
    this.#url = `${base}/${functionName}`;
  }

  async put(data: Record<string, unknown>, dueMs: number): Promise<void> {
    try {
      const client = await cloudTasksClient();
      this.#serviceAccount ??= this.#findServiceAccount(client);
      const task = {
        httpRequest: {
          url: this.#url,
          httpMethod: 'POST' as const,
          headers: { 'Content-Type': 'application/json' },
          body: Buffer.from(JSON.stringify({ data })),
          oidcToken: { serviceAccountEmail: await this.#serviceAccount },
        },
        scheduleTime: { seconds: Math.floor(dueMs / 1000), nanos: Math.round(dueMs % 1000) * 1e6 },
        dispatchDeadline: { seconds: dispatchDeadlineSeconds },
      };
      await client.createTask({ parent: this.#parent, task }, { timeout: this.#options.timeoutMs });
    } catch (cause) {
      throw unavailable(cause);
    }
  }

  /** The account of the machine, where none is configured; asked again after a failure. */
  async #findServiceAccount(client: CloudTasksClient): Promise<string> {
    if (this.#options.serviceAccount !== '') return this.#options.serviceAccount;
    if (process.env['SLUICE_TASKS_HOST'] !== undefined) return 'local@sluice.invalid';
    try {
      const { client_email: email } = await client.auth.getCredentials();
      if (!email) throw new Error('The credentials name no service account; set TASKS_SERVICE_ACCOUNT.');
      return email;
    } catch (cause) {
      this.#serviceAccount = undefined;
      throw cause;
    }
  }
}

/** firebase-tools' Tasks emulator speaks only what the Admin SDK's `enqueue` sends, and ignores the schedule time. */
class EmulatorQueue implements TaskQueue {
  readonly #resource: string;

  constructor({ region, functionName }: TaskQueueOptions) {
    this.#resource = `locations/${region}/functions/${functionName}`;
  }

  async put(data: Record<string, unknown>, dueMs: number): Promise<void> {
    try {
      const [{ getApps, initializeApp }, { getFunctions }] = await Promise.all([
        import('firebase-admin/app'),
        import('firebase-admin/functions'),
      ]);
      const queue = getFunctions(getApps()[0] ?? initializeApp()).taskQueue(this.#resource);
      await queue.enqueue(data, { scheduleTime: new Date(dueMs), dispatchDeadlineSeconds });
    } catch (cause) {
      throw unavailable(cause);
    }
  }
}

function unavailable(cause: unknown): AppError {
  return new AppError('unavailable', 'Cloud Tasks does not take tasks; try again.', { cause });
}
