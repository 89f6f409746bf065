import type { Worker } from 'node:worker_threads';
import { OutboxError } from './errors.ts';
import { builtin } from './node.ts';
import { Store } from './store.ts';

type Name = keyof Store;

export interface StoreCall {
  id: number;
  name: Name;
  args: unknown[];
}

export type StoreReply = { id: number; result: unknown } | { id: number; error: string };

interface Waiting {
  resolve: (result: never) => void;
  reject: (error: OutboxError) => void;
}

/** Calls a {@link Store} on a thread of its own, which keeps the process alive only while a call is under way. */
export class StoreClient {
  readonly #path: string;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;
  #worker: Worker | undefined;

  /** Opens the file once here, so that one that cannot be used is told of at once. */
  constructor(path: string) {
    this.#path = builtin('node:path', 'outbox').resolve(path);
    const store = new Store(this.#path);
    try {
      store.check();
    } finally {
      store.close();
    }
  }

  call<Called extends Name>(
    name: Called,
    ...args: Parameters<Store[Called]>
  ): Promise<ReturnType<Store[Called]>> {
    return new Promise((resolve, reject) => {
      this.#worker ??= this.#start();
      this.#calls += 1;
      this.#waiting.set(this.#calls, { resolve, reject });
      this.#worker.ref();
      this.#worker.postMessage({ id: this.#calls, name, args } satisfies StoreCall);
    });
  }

  async close(): Promise<void> {
    await this.call('close');
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const { Worker } = builtin('node:worker_threads', 'outbox');
    // The sources run as they are, too.
    const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
    const worker = new Worker(new URL(`./storeThread${extension}`, import.meta.url), {
      workerData: { path: this.#path },
      // Those of the process may be for its own program alone.
      execArgv: [],
    });
    worker.on('message', (reply: StoreReply) => this.#settle(worker, reply));
    // The next call starts another.
    worker.on('error', (error) => this.#lose(worker, error.message));
    worker.on('exit', () => this.#lose(worker, 'it ended'));
    return worker;
  }

  #settle(worker: Worker, reply: StoreReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (this.#waiting.size === 0) worker.unref();
    if ('error' in reply) waiting?.reject(new OutboxError(reply.error));
    else waiting?.resolve(reply.result as never);
  }

  #lose(worker: Worker, reason: string): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(new OutboxError(`The outbox's thread failed: ${reason}`));
  }
}
