import { CloudTasksClient, v2beta3 } from '@google-cloud/tasks';
import { credentials } from '@grpc/grpc-js';
import { type Carrier, carrierOf, carrierToWire } from '../../functions/src/events/carrier.ts';
import type { Event } from '../../functions/src/events/event.ts';
import { earliestOf } from '../../functions/src/events/stamp.ts';
import type { TaskQueue } from '../../functions/src/platform/cloudTasks.ts';
import { type QueueControl, queueControl } from '../../functions/src/platform/queueControl.ts';
import { Remote } from '../../functions/src/platform/remote.ts';
import { packEvents } from '../../functions/src/staging/outbox.ts';
import type { Faults } from '../../local/shared/faults.ts';
import { type LocalTasks, startTasks } from '../../local/tasks/index.ts';
import type { StandingClock } from '../support/api.ts';

const projectId = 'demo-sluice';
const region = 'us-central1';
const name = `projects/${projectId}/locations/${region}/queues/sluice-flush`;

/** The parameters that a status shows, at their defaults. */
export const statusConfig = {
  bufferTimeoutMs: 60_000,
  minResponsesToFlush: 3,
  operationsBufferSize: 100,
  operationsFlushMs: 30_000,
};

/** The queue `flush` in the local Cloud Tasks, behind the official clients. Nothing listens to its dispatches. */
export interface QueueHarness {
  tasks: LocalTasks;
  control: QueueControl;
  queue: TaskQueue;
  /** Queues a carrier that holds these events, far from due. */
  putEvents(...events: Event[]): Promise<void>;
  putCarrier(carrier: Carrier): Promise<void>;
  isPaused(): Promise<boolean>;
  /** Names of tasks that were run before their time; each is taken for acknowledged. */
  dispatched: string[];
  close(): Promise<void>;
}

export async function startQueue(clock: StandingClock, faults: Faults): Promise<QueueHarness> {
  const tasks = await startTasks({ port: 0, clock, faults, queues: [{ name }] });
  const options = {
    apiEndpoint: '127.0.0.1',
    port: tasks.port,
    sslCreds: credentials.createInsecure(),
    projectId,
  };
  const stable = new CloudTasksClient(options);
  const beta = new v2beta3.CloudTasksClient(options);
  const real = queueControl(
    { projectId, region, functionName: 'sluice-flush', clock, limitMs: 2000 },
    {
      stable: new Remote('Cloud Tasks', async () => stable),
      beta: new Remote('Cloud Tasks', async () => beta),
    },
  );
  if (real === undefined) throw new Error('The shell names the official Tasks emulator.');
  const dispatched: string[] = [];
  const control: QueueControl = {
    ...real,
    run: async (name) => {
      await real.run(name);
      dispatched.push(name);
      await stable.deleteTask({ name });
    },
  };
  const put = async (data: Record<string, unknown>, dueMs: number): Promise<undefined> => {
    const body = Buffer.from(JSON.stringify({ data }));
    const httpRequest = { url: 'http://127.0.0.1:9/flush', httpMethod: 'POST' as const, body };
    const scheduleTime = { seconds: Math.floor(dueMs / 1000), nanos: (dueMs % 1000) * 1e6 };
    await stable.createTask({ parent: name, task: { httpRequest, scheduleTime } });
  };
  const putCarrier = (carrier: Carrier): Promise<undefined> => put(carrierToWire(carrier), carrier.dueMs);
  return {
    tasks,
    control,
    queue: { put },
    dispatched,
    putCarrier,
    putEvents: async (...events) => {
      const contents = await packEvents(events, earliestOf(events.map(({ stamp }) => stamp)));
      await putCarrier(carrierOf({ ...contents, dueMs: clock.now() + 3_600_000 }));
    },
    isPaused: async () => (await control.stats()).isPaused,
    close: async () => {
      await Promise.all([stable.close(), beta.close()]);
      await tasks.close();
    },
  };
}
