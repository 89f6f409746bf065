import type { LocalClock, LocalTimer } from '../shared/clock.ts';
import type { Delivery } from './delivery.ts';
import { Heap } from './heap.ts';
import { operationsFor } from './limits.ts';
import { MinuteCounter } from './minute-counter.ts';
import type { DispatchRate } from './rate.ts';
import { backoffMs, isExhausted, type RetryConfig } from './retry.ts';
import type { DispatchResult, Sender } from './sender.ts';
import type { Attempt, Task } from './task.ts';

/** Options that all queues of a service share. */
export interface DispatchContext {
  readonly clock: LocalClock;
  readonly sender: Sender;
  readonly random: () => number;
  delivery(): Delivery;
  /** Changes when dispatching is stopped: a dispatch begun before then was cut off. */
  epoch(): number;
  isStopped(): boolean;
  bill(operations: number): void;
}

/** The dispatcher's view of its queue. */
interface DispatchRules {
  isPaused(): boolean;
  maxConcurrentDispatches(): number;
  retryConfig(): RetryConfig;
  /** Drops the tasks that were kept as long as tasks are kept. */
  forget(): void;
  /** The task succeeded, or has no attempt left. */
  finished(task: Task): void;
}

interface Entry {
  /** The time of the dispatch: when the task is due, or later where delivery is late. */
  atMs: number;
  dueMs: number;
  task: Task;
}

/** The most due tasks that are mixed where delivery is shuffled. */
const shuffledCount = 50;

/** Sends the tasks of one queue when they are due, as fast as its rate and its concurrency allow. */
export class Dispatcher {
  readonly #context: DispatchContext;
  readonly #rules: DispatchRules;
  readonly #rate: DispatchRate;
  /** May hold entries of tasks that are gone, running, or due at another time by now. */
  readonly #due = new Heap<Entry>(comesBefore);
  readonly #executed = new MinuteCounter();
  #timer: LocalTimer | undefined;
  #running = 0;

  constructor(context: DispatchContext, rules: DispatchRules, rate: DispatchRate) {
    this.#context = context;
    this.#rules = rules;
    this.#rate = rate;
  }

  running(): number {
    return this.#running;
  }

  executedLastMinute(): number {
    return this.#executed.count(this.#context.clock.now());
  }

  /** The time of the earliest waiting task. */
  nextDueMs(): number | undefined {
    return this.#next()?.dueMs;
  }

  schedule(task: Task, dueMs: number): void {
    task.state = 'waiting';
    task.dueMs = dueMs;
    const { random, delivery } = this.#context;
    const { maxLateMs } = delivery();
    const atMs = maxLateMs === 0 ? dueMs : dueMs + Math.round(random() * maxLateMs);
    this.#due.push({ atMs, dueMs, task });
    // A timer that is set for an earlier moment covers this task too.
    if (this.#timer === undefined || atMs < this.#timer.dueMs) this.pump();
  }

  /** Dispatches now, whatever schedule, pause and limits say. */
  run(task: Task): void {
    if (task.state !== 'waiting') return;
    task.dueMs = this.#context.clock.now();
    if (this.#context.isStopped()) this.schedule(task, task.dueMs);
    else this.#dispatch(task);
  }

  /** Dispatches what may be dispatched now, and sets the clock for what comes next. */
  pump(): void {
    this.stop();
    if (this.#rules.isPaused() || this.#context.isStopped()) return;
    this.#rules.forget();
    const now = this.#context.clock.now();
    while (this.#running < this.#rules.maxConcurrentDispatches()) {
      const entry = this.#next();
      if (entry === undefined) return;
      const waitMs = entry.atMs > now ? entry.atMs - now : this.#rate.take(now);
      if (waitMs > 0) {
        this.#timer = this.#context.clock.setTimeout(() => this.pump(), waitMs);
        return;
      }
      const task = this.#take(now);
      if (task !== undefined) this.#dispatch(task);
    }
  }

  /** Clears the timer; `pump` starts again. */
  stop(): void {
    this.#context.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #next(): Entry | undefined {
    for (;;) {
      const entry = this.#due.peek();
      if (entry === undefined) return undefined;
      if (entry.task.state === 'waiting' && entry.task.dueMs === entry.dueMs) return entry;
      this.#due.pop();
    }
  }

  /** Takes out the next task, or any of the due ones. */
  #take(now: number): Task | undefined {
    const { random, delivery } = this.#context;
    if (!delivery().isShuffled) return this.#due.pop()?.task;
    const due: Entry[] = [];
    for (let entry = this.#next(); entry !== undefined && entry.atMs <= now; entry = this.#next()) {
      if (due.length === shuffledCount) break;
      this.#due.pop();
      due.push(entry);
    }
    const [taken] = due.splice(Math.floor(random() * due.length), 1);
    for (const entry of due) this.#due.push(entry);
    return taken?.task;
  }

  #dispatch(task: Task): void {
    const { clock, random, delivery } = this.#context;
    const isRepetition = isSuccess(task.lastAttempt?.status);
    const isDoubled = !isRepetition && random() < delivery().twiceShare;
    const isRepeatedAfterwards = isDoubled && random() < 0.5;
    const attempt: Attempt = { scheduledMs: task.dueMs, dispatchedMs: clock.now() };
    task.state = 'running';
    this.#send(task, (result) => this.#settle(task, attempt, result, isRepeatedAfterwards));
    if (isDoubled && !isRepeatedAfterwards) this.#send(task, () => undefined);
    task.dispatchCount += 1;
    task.firstAttempt ??= attempt;
    task.lastAttempt = attempt;
  }

  #send(task: Task, settle: (result: DispatchResult | 'cut') => void): void {
    const { clock, sender } = this.#context;
    const epoch = this.#context.epoch();
    this.#running += 1;
    this.#context.bill(operationsFor(task.bytes));
    void sender.send(task).then((result) => {
      this.#running -= 1;
      if (result.status !== undefined) this.#executed.add(clock.now());
      settle(epoch === this.#context.epoch() ? result : 'cut');
      this.pump();
    });
  }

  #settle(task: Task, attempt: Attempt, result: DispatchResult | 'cut', isRepeated: boolean): void {
    if (task.state === 'gone') return;
    const now = this.#context.clock.now();
    if (result === 'cut') {
      this.schedule(task, now);
      return;
    }
    if (result.status !== undefined) {
      attempt.respondedMs = now;
      attempt.status = result.status;
      task.responseCount += 1;
    }
    if (isSuccess(result.status)) {
      if (isRepeated) this.schedule(task, now);
      else this.#rules.finished(task);
      return;
    }
    this.#retry(task, result, now);
  }

  #retry(task: Task, result: DispatchResult, now: number): void {
    const config = this.#rules.retryConfig();
    if (result.status === 429 || result.status === 503) this.#rate.slowDown(now);
    const sinceFirstMs = now - (task.firstAttempt?.dispatchedMs ?? now);
    if (isExhausted(config, task.dispatchCount, sinceFirstMs)) {
      this.#rules.finished(task);
      return;
    }
    this.schedule(task, now + Math.max(backoffMs(config, task.dispatchCount), result.retryAfterMs));
  }
}

function comesBefore(a: Entry, b: Entry): boolean {
  return a.atMs === b.atMs ? a.task.sequence < b.task.sequence : a.atMs < b.atMs;
}

function isSuccess(status: number | undefined): boolean {
  return status !== undefined && status >= 200 && status <= 299;
}
