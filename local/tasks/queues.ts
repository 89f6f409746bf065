import { status } from '@grpc/grpc-js';
import type { DispatchContext } from './dispatcher.ts';
import { invalidArgument, notFound, TasksError } from './errors.ts';
import { Queue, type QueueConfig } from './queue.ts';

const queueNamePattern = /^projects\/[^/]+\/locations\/[^/]+\/queues\/[A-Za-z0-9-]{1,100}$/;

/** The service's queues by name. */
export class Queues {
  readonly #context: DispatchContext;
  readonly #queues = new Map<string, Queue>();

  constructor(context: DispatchContext) {
    this.#context = context;
  }

  all(): Queue[] {
    return [...this.#queues.values()];
  }

  /** Throws NOT_FOUND. */
  get(name: string): Queue {
    const queue = this.#queues.get(name);
    if (queue === undefined) throw notFound(`Queue "${name}"`);
    return queue;
  }

  /** Throws ALREADY_EXISTS, or INVALID_ARGUMENT for a name that no queue can have. */
  create(config: QueueConfig): Queue {
    if (!queueNamePattern.test(config.name)) throw invalidArgument(`Not a queue name: "${config.name}".`);
    if (this.#queues.has(config.name)) {
      throw new TasksError(status.ALREADY_EXISTS, `Queue "${config.name}" exists.`);
    }
    const queue = new Queue(config, this.#context);
    this.#queues.set(config.name, queue);
    return queue;
  }

  /** Makes the queue, or gives an existing one these settings and keeps its tasks. */
  ensure(config: QueueConfig): Queue {
    const existing = this.#queues.get(config.name);
    if (existing === undefined) return this.create(config);
    existing.configure(config);
    return existing;
  }

  delete(name: string): void {
    const queue = this.get(name);
    queue.purge();
    queue.stop();
    this.#queues.delete(name);
  }
}
