import { status } from '@grpc/grpc-js';
import type { DispatchContext } from './dispatcher.ts';
import { invalidArgument, notFound, TasksError } from './errors.ts';
import { Queue, type QueueConfig } from './queue.ts';
import { checkConfig, masked } from './queue-config.ts';

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

  /** Throws NOT_FOUND, or INVALID_ARGUMENT for a name that no queue can have. */
  get(name: string): Queue {
    checkName(name);
    const queue = this.#queues.get(name);
    if (queue === undefined) throw notFound(`Queue "${name}"`);
    return queue;
  }

  /** Throws ALREADY_EXISTS, or INVALID_ARGUMENT for a name or settings that no queue can have. */
  create(config: QueueConfig): Queue {
    checkName(config.name);
    checkConfig(config);
    if (this.#queues.has(config.name)) {
      throw new TasksError(status.ALREADY_EXISTS, `Queue "${config.name}" exists.`);
    }
    const queue = new Queue(config, this.#context);
    this.#queues.set(config.name, queue);
    return queue;
  }

  /** Makes the queue, or gives an existing one these settings (of them, those of the mask) and keeps its tasks. */
  ensure(config: QueueConfig, mask: string[] = []): Queue {
    const existing = this.#queues.get(config.name);
    if (existing === undefined) return this.create(config);
    const changed = mask.length === 0 ? config : masked(existing.state().config, config, mask);
    checkConfig(changed);
    existing.configure(changed);
    return existing;
  }

  delete(name: string): void {
    const queue = this.get(name);
    queue.purge();
    queue.stop();
    this.#queues.delete(name);
  }
}

function checkName(name: string): void {
  if (!queueNamePattern.test(name)) throw invalidArgument(`Not a queue name: "${name}".`);
}
