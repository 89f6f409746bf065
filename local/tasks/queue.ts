import { type DispatchContext, Dispatcher } from './dispatcher.ts';
import { limits } from './limits.ts';
import { DispatchRate } from './rate.ts';
import { defaultRetryConfig, type RetryConfig } from './retry.ts';
import { type StoredTasks, TaskStore } from './store.ts';
import type { NewTask, Task } from './task.ts';

/** A queue's settings, in the shape of a function's manifest; what is absent has Cloud Tasks' default. */
export interface QueueConfig {
  /** `projects/P/locations/L/queues/Q` */
  name: string;
  rateLimits?: { maxDispatchesPerSecond?: number; maxConcurrentDispatches?: number };
  retryConfig?: Partial<RetryConfig>;
}

/** https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues#state */
export type RunState = 'RUNNING' | 'PAUSED' | 'DISABLED';

interface QueueStats {
  tasksCount: number;
  oldestArrivalMs: number | undefined;
  executedLastMinute: number;
  concurrentDispatches: number;
  executionRate: number;
}

/** A queue in a snapshot, besides its settings. */
interface QueueState {
  isPaused: boolean;
  purgedMs: number | undefined;
  stored: StoredTasks;
}

/** One queue: its settings, its tasks and their dispatching. */
export class Queue {
  readonly #context: DispatchContext;
  readonly #store: TaskStore;
  readonly #rate: DispatchRate;
  readonly #dispatcher: Dispatcher;
  #config: QueueConfig;
  #isPaused = false;
  #isDisabled = false;
  #purgedMs: number | undefined;

  constructor(config: QueueConfig, context: DispatchContext) {
    this.#config = config;
    this.#context = context;
    this.#store = new TaskStore(config.name, context.random);
    this.#rate = new DispatchRate(this.maxDispatchesPerSecond(), context.clock.now());
    this.#dispatcher = new Dispatcher(context, this.#rules(), this.#rate);
  }

  state(): QueueState & { config: QueueConfig } {
    const [isPaused, purgedMs] = [this.#isPaused, this.#purgedMs];
    return { config: this.#config, isPaused, purgedMs, stored: this.#store.state() };
  }

  /** Takes over what {@link state} gave, and dispatches it; only while there are no tasks. */
  restore({ isPaused, purgedMs, stored }: QueueState): void {
    this.#isPaused = isPaused;
    this.#purgedMs = purgedMs;
    this.#store.restore(stored);
    for (const task of stored.tasks) this.#dispatcher.schedule(task, task.dueMs);
  }

  name(): string {
    return this.#config.name;
  }

  runState(): RunState {
    if (this.#isDisabled) return 'DISABLED';
    return this.#isPaused ? 'PAUSED' : 'RUNNING';
  }

  purgedMs(): number | undefined {
    return this.#purgedMs;
  }

  maxDispatchesPerSecond(): number {
    return this.#config.rateLimits?.maxDispatchesPerSecond ?? limits.maxDispatchesPerSecond;
  }

  maxConcurrentDispatches(): number {
    return this.#config.rateLimits?.maxConcurrentDispatches ?? limits.defaultConcurrentDispatches;
  }

  maxBurstSize(): number {
    return this.#rate.burst();
  }

  retryConfig(): RetryConfig {
    return { ...defaultRetryConfig, ...this.#config.retryConfig };
  }

  configure(config: QueueConfig): void {
    this.#config = config;
    this.#rate.setPerSecond(this.maxDispatchesPerSecond());
    this.#dispatcher.pump();
  }

  /** Adds a task, or returns undefined when its name is taken. */
  create(wanted: NewTask): Task | undefined {
    const task = this.#store.add(wanted, this.#now());
    if (task !== undefined) this.#dispatcher.schedule(task, task.dueMs);
    return task;
  }

  get(name: string): Task | undefined {
    return this.#store.get(name, this.#now());
  }

  list(afterSequence: number, count: number): Task[] {
    return this.#store.list(afterSequence, count, this.#now());
  }

  /** A dispatch under way runs to its end; its answer changes nothing. */
  remove(task: Task): void {
    this.#store.remove(task, this.#now());
    this.#dispatcher.pump();
  }

  purge(): void {
    this.#purgedMs = this.#now();
    this.#store.clear(this.#purgedMs);
    this.#dispatcher.pump();
  }

  run(task: Task): void {
    this.#dispatcher.run(task);
  }

  /** Disabled, it still takes tasks and dispatches none, as when it is paused. */
  setRunState(state: RunState): void {
    this.#isPaused = state === 'PAUSED';
    this.#isDisabled = state === 'DISABLED';
    this.#dispatcher.pump();
  }

  stats(): QueueStats {
    this.#store.forget(this.#now());
    return {
      tasksCount: this.#store.size(),
      oldestArrivalMs: this.#dispatcher.nextDueMs(),
      executedLastMinute: this.#dispatcher.executedLastMinute(),
      concurrentDispatches: this.#dispatcher.running(),
      executionRate: this.#rate.perSecond(),
    };
  }

  dispatchesInFlight(): number {
    return this.#dispatcher.running();
  }

  /** Takes up dispatching again after a stop. */
  pump(): void {
    this.#dispatcher.pump();
  }

  /** Clears the timer; what is in flight is the sender's to cut off. */
  stop(): void {
    this.#dispatcher.stop();
  }

  #rules() {
    return {
      isPaused: () => this.#isPaused || this.#isDisabled,
      maxConcurrentDispatches: () => this.maxConcurrentDispatches(),
      retryConfig: () => this.retryConfig(),
      finished: (task: Task) => this.#store.remove(task, this.#now()),
      forget: () => this.#store.forget(this.#now()),
    };
  }

  #now(): number {
    return this.#context.clock.now();
  }
}
