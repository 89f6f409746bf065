import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CloudTasksClient, type protos, v2beta3 } from '@google-cloud/tasks';
import { credentials } from '@grpc/grpc-js';
import { OffsetClock } from '../../../local/shared/clock.ts';
import { Faults } from '../../../local/shared/faults.ts';
import {
  type LocalTasks,
  type QueueConfig,
  startTasks,
  type TasksOptions,
} from '../../../local/tasks/index.ts';

// Off the cloud, the clients would look for a metadata server.
process.env['METADATA_SERVER_DETECTION'] ??= 'none';

export type WireTask = protos.google.cloud.tasks.v2.ITask;

export const parent = 'projects/demo/locations/us-central1';
export const queueName = `${parent}/queues/flush`;

/** A dispatch as the target saw it. */
interface Delivery {
  id: string;
  headers: IncomingMessage['headers'];
  method: string;
  body: string;
  atMs: number;
}

/** The target's answer: a status, a status with headers, or nothing (`hangUp`: it closes the connection). */
export type Reply = number | { status: number; headers: Record<string, string> } | 'never' | 'hangUp';

/** An HTTP server that tasks are dispatched to; it can be waited for. */
class Target {
  readonly deliveries: Delivery[] = [];
  reply: (delivery: Delivery) => Reply | Promise<Reply> = () => 200;
  readonly #clock: OffsetClock;
  readonly #server: Server;
  #waiting: (() => void)[] = [];

  constructor(clock: OffsetClock) {
    this.#clock = clock;
    this.#server = createServer((request, response) => {
      void this.#receive(request).then((reply) => {
        if (reply === 'never') return;
        if (reply === 'hangUp') {
          request.socket.destroy();
          return;
        }
        const { status, headers } = typeof reply === 'number' ? { status: reply, headers: {} } : reply;
        response.writeHead(status, headers).end();
      });
    });
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/flush`;
  }

  /** Resolves when this many dispatches have arrived since the start. */
  async arrived(count: number): Promise<void> {
    while (this.deliveries.length < count) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  ids(): string[] {
    return this.deliveries.map((delivery) => delivery.id);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #receive(request: IncomingMessage): Promise<Reply> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const delivery: Delivery = {
      id: String(request.headers['x-cloudtasks-taskname']),
      headers: request.headers,
      method: request.method ?? '',
      body: Buffer.concat(chunks).toString(),
      atMs: this.#clock.now(),
    };
    this.deliveries.push(delivery);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
    return this.reply(delivery);
  }
}

/** One service, its clients, and a target for its tasks. */
export interface Harness {
  clock: OffsetClock;
  faults: Faults;
  tasks: LocalTasks;
  client: CloudTasksClient;
  beta: v2beta3.CloudTasksClient;
  target: Target;
  /** Creates a task for the target; what is given wins. */
  create(task?: WireTask): Promise<WireTask>;
  /** Moves the clock forward and lets what is due happen up to its first network call. */
  advance(ms: number): void;
  /** Resolves when the service has no task and no dispatch left. */
  drained(): Promise<void>;
  close(): Promise<void>;
}

export async function startHarness(
  queue: Omit<QueueConfig, 'name'> = {},
  options: Partial<TasksOptions> = {},
): Promise<Harness> {
  const clock = new OffsetClock();
  const faults = new Faults(clock);
  const tasks = await startTasks({
    port: 0,
    clock,
    faults,
    queues: [{ name: queueName, ...queue }],
    ...options,
  });
  const target = new Target(clock);
  await target.listen();
  const clientOptions = {
    apiEndpoint: '127.0.0.1',
    port: tasks.port,
    sslCreds: credentials.createInsecure(),
    projectId: 'demo',
  };
  const client = new CloudTasksClient(clientOptions);
  const beta = new v2beta3.CloudTasksClient(clientOptions);
  return {
    clock,
    faults,
    tasks,
    client,
    beta,
    target,
    create: async (task = {}) => {
      const httpRequest = { url: target.url, httpMethod: 'POST' as const, ...task.httpRequest };
      const [created] = await client.createTask({ parent: queueName, task: { ...task, httpRequest } });
      return created;
    },
    advance: (ms) => clock.setOffsetMs(clock.offsetMs() + ms),
    drained: async () => {
      for (;;) {
        const [left] = await client.listTasks({ parent: queueName }, { autoPaginate: false });
        if (left.length === 0 && tasks.dispatchesInFlight() === 0) return;
      }
    },
    close: async () => {
      await Promise.all([client.close(), beta.close()]);
      await tasks.close();
      target.close();
    },
  };
}

/** The gRPC status of a rejected call; undefined when it was answered. */
export async function codeOf(call: Promise<unknown>): Promise<number | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    return (error as { code?: number }).code;
  }
}

/** A timestamp this many ms after the clock's now. */
export function fromNow(clock: OffsetClock, ms: number): { seconds: number; nanos: number } {
  const at = clock.now() + ms;
  return { seconds: Math.floor(at / 1000), nanos: (at % 1000) * 1e6 };
}
