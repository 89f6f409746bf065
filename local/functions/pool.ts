import type { LocalClock, LocalTimer } from '../shared/clock.ts';
import type { InstanceProcess } from './instance-process.ts';
import type { FunctionSpec } from './manifest.ts';

/**
 * The longest wait of a request for an instance with room; then it gets 429:
 * https://cloud.google.com/run/docs/about-instance-autoscaling
 */
const maxQueueMs = 10_000;

/** Idle instances are kept up to 15 minutes: https://cloud.google.com/run/docs/about-instance-autoscaling */
const idleMs = 15 * 60_000;

/** Why a request got no instance: none had room in time, or none could start. */
export class NoInstance extends Error {
  readonly status: 429 | 500;

  constructor(status: 429 | 500, message: string) {
    super(message);
    this.status = status;
  }
}

interface Waiter {
  cause: string;
  resolve(instance: InstanceProcess): void;
  reject(reason: NoInstance): void;
  timer: LocalTimer;
}

/**
 * The instances of one function. A new one is started only when all others are full, as far as the limit allows, or
 * when there are fewer than the function always wants.
 */
export class FunctionPool {
  readonly #start: () => InstanceProcess;
  readonly #clock: LocalClock;
  readonly #concurrency: number;
  readonly #minInstances: number;
  readonly #maxInstances: number;
  readonly #instances = new Set<InstanceProcess>();
  readonly #starting = new Set<InstanceProcess>();
  readonly #queue = new Set<Waiter>();
  /** Billed milliseconds of instances that have ended, by cause. */
  readonly #endedMs = new Map<string, number>();
  #starts = 0;
  #closed = false;

  constructor(spec: FunctionSpec, clock: LocalClock, start: () => InstanceProcess) {
    this.#start = start;
    this.#clock = clock;
    this.#concurrency = spec.concurrency;
    this.#minInstances = spec.minInstances;
    this.#maxInstances = spec.maxInstances;
  }

  /** Starts what is missing of the instances that are to be there always. */
  warm(): void {
    while (!this.#closed && this.#instances.size < this.#minInstances) this.#add();
  }

  /**
   * An instance with room, whose slot the caller now holds until {@link release}; its time is billed to the cause.
   * Rejects with {@link NoInstance}.
   */
  acquire(cause: string): InstanceProcess | Promise<InstanceProcess> {
    if (this.#queue.size === 0) {
      for (const instance of this.#instances) {
        if (!instance.hasRoom()) continue;
        instance.begin(cause);
        return instance;
      }
    }
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        cause,
        resolve,
        reject,
        timer: this.#clock.setTimeout(() => this.#giveUp(waiter), maxQueueMs),
      };
      this.#queue.add(waiter);
      this.#scaleOut();
    });
  }

  release(instance: InstanceProcess, cause: string): void {
    instance.end(cause);
    this.#serveQueue();
  }

  instances(): InstanceProcess[] {
    return [...this.#instances];
  }

  /** Instances that do not serve yet: requests that wait for one wait for the machine, not for a timer. */
  startingCount(): number {
    return [...this.#starting].filter(({ isLoaded }) => !isLoaded).length;
  }

  /** Instances that were told to end and have not: they finish what they have. */
  stoppingCount(): number {
    return this.instances().filter(({ isStopping }) => isStopping).length;
  }

  queuedCount(): number {
    return this.#queue.size;
  }

  /** Billed milliseconds of all instances since the last reset, by cause. */
  billedMs(): Map<string, number> {
    const billed = new Map(this.#endedMs);
    for (const instance of this.#instances) addTo(billed, instance.activeTime.billedMs());
    return billed;
  }

  /** Instances started since the last reset. */
  get starts(): number {
    return this.#starts;
  }

  resetUsage(): void {
    this.#endedMs.clear();
    this.#starts = 0;
    for (const instance of this.#instances) instance.activeTime.reset();
  }

  /** Ends everything for good; requests that wait are refused. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#rejectAll(new NoInstance(500, 'The stack has ended.'));
    await this.kill();
  }

  /** Kills every instance at once; returns how many there were. */
  async kill(): Promise<number> {
    const instances = this.instances();
    for (const instance of instances) instance.kill();
    await Promise.all(instances.map((instance) => instance.exited));
    return instances.length;
  }

  #scaleOut(): void {
    const coming = this.#starting.size * this.#concurrency;
    if (this.#closed || this.#queue.size <= coming || this.#instances.size >= this.#maxInstances) return;
    this.#add();
  }

  #add(): void {
    const instance = this.#start();
    this.#starts += 1;
    this.#instances.add(instance);
    this.#starting.add(instance);
    void instance.ready.then(() => {
      this.#starting.delete(instance);
      this.#stopWhenIdle(instance);
      this.#serveQueue();
    });
    void instance.exited.then(() => {
      this.#instances.delete(instance);
      addTo(this.#endedMs, instance.activeTime.billedMs());
      // What cannot start is tried again only when a request comes.
      if (this.#starting.delete(instance))
        this.#rejectAll(new NoInstance(500, 'The function could not start.'));
      else this.warm();
      this.#scaleOut();
    });
  }

  #rejectAll(reason: NoInstance): void {
    for (const waiter of this.#queue) this.#reject(waiter, reason);
  }

  #serveQueue(): void {
    for (const waiter of this.#queue) {
      const instance = this.instances().find((each) => each.hasRoom());
      if (instance === undefined) return;
      this.#queue.delete(waiter);
      this.#clock.clearTimeout(waiter.timer);
      instance.begin(waiter.cause);
      waiter.resolve(instance);
    }
  }

  #giveUp(waiter: Waiter): void {
    this.#reject(waiter, new NoInstance(429, 'The request waited too long for an instance with room.'));
  }

  #reject(waiter: Waiter, reason: NoInstance): void {
    this.#queue.delete(waiter);
    this.#clock.clearTimeout(waiter.timer);
    waiter.reject(reason);
  }

  /** One timer an instance, not one a request: when it fires too early it waits for the rest. */
  #stopWhenIdle(instance: InstanceProcess): void {
    const idleForMs = instance.openRequests > 0 ? 0 : this.#clock.now() - instance.lastUsedMs;
    const isIdle = idleForMs >= idleMs;
    const staying = this.#instances.size - this.stoppingCount();
    if (isIdle && staying > this.#minInstances) {
      void instance.stop();
      return;
    }
    const waitMs = isIdle ? idleMs : idleMs - idleForMs;
    const timer = this.#clock.setTimeout(() => this.#stopWhenIdle(instance), waitMs);
    void instance.exited.then(() => this.#clock.clearTimeout(timer));
  }
}

function addTo(sums: Map<string, number>, amounts: ReadonlyMap<string, number>): void {
  for (const [name, amount] of amounts) sums.set(name, (sums.get(name) ?? 0) + amount);
}
