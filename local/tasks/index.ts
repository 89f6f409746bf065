import { Metadata, type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import type { FaultPhase } from '../shared/faults.ts';
import { GrpcServer } from '../shared/grpcServer.ts';
import type { LocalService, ServiceOptions, TasksUsage } from '../shared/service.ts';
import { type Delivery, plainDelivery } from './delivery.ts';
import type { DispatchContext } from './dispatcher.ts';
import { TasksError } from './errors.ts';
import { type Handler, locationHandlers, v2beta3Handlers, v2Handlers } from './handlers.ts';
import { type Received, serviceDefinition } from './protos.ts';
import type { QueueConfig, RunState } from './queue.ts';
import { Queues } from './queues.ts';
import { Sender } from './sender.ts';
import { type Move, readSnapshot, writeSnapshot } from './snapshot.ts';

export type { Delivery } from './delivery.ts';
export type { QueueConfig } from './queue.ts';

export interface TasksOptions extends ServiceOptions {
  queues: QueueConfig[];
  /** See {@link LocalTasks.setDelivery}. */
  delivery?: Partial<Delivery>;
  random?: () => number;
  /** The access token that every call must bear; without it none is asked for, as clients send none to an emulator. */
  token?: string;
  /** Leads the tasks' addresses to where their targets are on this machine. */
  reach?: (url: string) => string;
}

/** Cloud Tasks on this machine, for the official client. */
export interface LocalTasks extends LocalService<TasksUsage> {
  /** Makes the queue, or gives an existing one these settings and keeps its tasks. */
  ensureQueue(config: QueueConfig): void;
  setRunState(queueName: string, state: RunState): void;
  /** State of a queue, and how many tasks it holds. */
  queueState(queueName: string): { state: RunState; tasksCount: number };
  /** Drops all tasks of a queue, or of every queue. Not billed. */
  purge(queueName?: string): void;
  /** Opens one more port; tasks that are put through it are known to be this caller's. */
  callerPort(caller: string): Promise<number>;
  /** HTTP requests of tasks that are not answered yet. */
  dispatchesInFlight(): number;
  /** The dispatcher dies: what is in flight is cut off unanswered, and nothing is dispatched until it starts. */
  stopDispatching(): void;
  startDispatching(): void;
  /** Sets the manner of deliveries from now on; an absent member means the best. Tasks whose time is set keep it. */
  setDelivery(delivery: Partial<Delivery>): void;
  /** Writes queues and tasks to a file in the directory; what is in flight counts as not answered. */
  exportState(directory: string): Promise<void>;
  /**
   * Takes over what {@link exportState} wrote, and dispatches it. Only before the first call. `move` leads the tasks to
   * where their targets are now.
   * @throws SnapshotError when it cannot be read.
   */
  importState(directory: string, move?: Move): Promise<void>;
}

/** Starts the simulator on 127.0.0.1. Throws when the port is taken or a queue's name is not one. */
export async function startTasks(options: TasksOptions): Promise<LocalTasks> {
  const simulator = new TasksSimulator(options);
  await simulator.listen();
  return simulator;
}

class TasksSimulator implements LocalTasks {
  readonly #options: TasksOptions;
  readonly #server = new GrpcServer({});
  readonly #sender: Sender;
  readonly #queues: Queues;
  /** Callers by the port that is theirs. */
  readonly #callers = new Map<string, string>();
  #operations = 0;
  #calls = 0;
  #epoch = 0;
  #isStopped = false;
  #delivery: Delivery = plainDelivery;
  port = 0;

  constructor(options: TasksOptions) {
    this.#options = options;
    this.setDelivery(options.delivery ?? {});
    this.#sender = new Sender(options.clock, options.reach);
    this.#queues = new Queues(this.#context());
    for (const queue of options.queues) this.#queues.create(queue);
    this.#serve('google.cloud.tasks.v2.CloudTasks', v2Handlers(this.#queues, options.clock));
    this.#serve('google.cloud.tasks.v2beta3.CloudTasks', v2beta3Handlers(this.#queues));
    this.#serve('google.cloud.location.Locations', locationHandlers(this.#queues));
  }

  async listen(): Promise<void> {
    this.port = await this.#server.listen(this.#options.port, 'Cloud Tasks');
  }

  async callerPort(caller: string): Promise<number> {
    const port = await this.#server.listen(0, 'Cloud Tasks');
    this.#callers.set(String(port), caller);
    return port;
  }

  inFlight(): number {
    return this.#calls;
  }

  usage(): TasksUsage {
    return { operations: this.#operations };
  }

  resetUsage(): void {
    this.#operations = 0;
  }

  ensureQueue(config: QueueConfig): void {
    this.#queues.ensure(config);
  }

  setRunState(queueName: string, state: RunState): void {
    this.#queues.get(queueName).setRunState(state);
  }

  queueState(queueName: string): { state: RunState; tasksCount: number } {
    const queue = this.#queues.get(queueName);
    return { state: queue.runState(), tasksCount: queue.stats().tasksCount };
  }

  purge(queueName?: string): void {
    const queues = queueName === undefined ? this.#queues.all() : [this.#queues.get(queueName)];
    for (const queue of queues) queue.purge();
  }

  dispatchesInFlight(): number {
    return this.#queues.all().reduce((sum, queue) => sum + queue.dispatchesInFlight(), 0);
  }

  stopDispatching(): void {
    this.#isStopped = true;
    this.#epoch += 1;
    for (const queue of this.#queues.all()) queue.stop();
    this.#sender.cutAll();
  }

  startDispatching(): void {
    this.#isStopped = false;
    for (const queue of this.#queues.all()) queue.pump();
  }

  exportState(directory: string): Promise<void> {
    return writeSnapshot(directory, this.#queues);
  }

  importState(directory: string, move?: Move): Promise<void> {
    return readSnapshot(directory, this.#queues, move);
  }

  setDelivery(delivery: Partial<Delivery>): void {
    this.#delivery = { ...plainDelivery, ...delivery };
  }

  async close(): Promise<void> {
    this.stopDispatching();
    this.#sender.close();
    await this.#server.close();
  }

  #context(): DispatchContext {
    const { clock, random = Math.random } = this.#options;
    return {
      clock,
      random,
      delivery: () => this.#delivery,
      sender: this.#sender,
      epoch: () => this.#epoch,
      isStopped: () => this.#isStopped,
      bill: (operations) => {
        this.#operations += operations;
      },
    };
  }

  #serve(serviceName: string, handlers: Record<string, Handler>): void {
    const calls = Object.entries(handlers).map(([name, handler]) => [name, this.#unary(name, handler)]);
    this.#server.addService(serviceDefinition(serviceName), Object.fromEntries(calls));
  }

  #unary(name: string, handler: Handler) {
    return (call: Call, answer: sendUnaryData<object>): void => {
      void this.#answer(name, handler, call).then(
        (response) => answer(null, response),
        (error) => answer(refusal(name, error)),
      );
    };
  }

  async #answer(name: string, handler: Handler, call: Call): Promise<object> {
    this.#calls += 1;
    try {
      await this.#suffer(name, 'before', call);
      this.#checkToken(call);
      const caller = this.#callers.get(call.getHost().split(':').at(-1) ?? '');
      const { response, operations } = handler({ ...call.request, caller });
      this.#operations += operations;
      await this.#suffer(name, 'after', call);
      await this.#suffer(name, 'half', call, () => call.sendMetadata(new Metadata()));
      return response;
    } finally {
      this.#calls -= 1;
    }
  }

  #checkToken({ metadata }: Call): void {
    const { token } = this.#options;
    if (token === undefined || metadata.get('authorization').includes(`Bearer ${token}`)) return;
    throw new TasksError(status.UNAUTHENTICATED, 'Request had invalid authentication credentials.');
  }

  /** Applies a fault to the call, which does not count as being worked on while it waits. */
  async #suffer(name: string, phase: FaultPhase, call: Call, begin = (): void => {}): Promise<void> {
    const { faults } = this.#options;
    const hit = faults.check('tasks', name, phase);
    if (hit === undefined) return;
    begin();
    this.#calls -= 1;
    const failure = await faults.wait(hit);
    this.#calls += 1;
    if (failure === undefined) return;
    if (failure === 'cut') this.#server.cut(call.getPeer());
    const code = failure === 'cut' ? status.UNAVAILABLE : failure;
    throw new TasksError(code, `${name} failed by an injected fault.`);
  }
}

type Call = ServerUnaryCall<Received, object>;

function refusal(name: string, error: unknown): { code: number; details: string } {
  if (error instanceof TasksError) return { code: error.code, details: error.message };
  console.error(`local tasks: ${name} failed`, error);
  return { code: status.INTERNAL, details: String(error) };
}
