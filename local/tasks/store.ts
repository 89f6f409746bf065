import { limits } from './limits.ts';
import type { NewTask, Task } from './task.ts';

/** A queue's tasks in a snapshot. */
export interface StoredTasks {
  lastSequence: number;
  /** Names of tasks that are gone, and until when they stay taken. */
  takenNames: [name: string, untilMs: number][];
  tasks: readonly Task[];
}

/** The tasks of one queue by name, the names that stay taken, and how long a task is kept. */
export class TaskStore {
  readonly #queueName: string;
  readonly #random: () => number;
  /** Tasks in order of creation. */
  readonly #tasks = new Map<string, Task>();
  /** Names of tasks that are gone, and until when they stay taken; in the order in which that ends. */
  readonly #takenUntilMs = new Map<string, number>();
  #sequence = 0;
  /** The time before which no task is past its retention. */
  #retainedUntilMs = Number.POSITIVE_INFINITY;

  constructor(queueName: string, random: () => number) {
    this.#queueName = queueName;
    this.#random = random;
  }

  size(): number {
    return this.#tasks.size;
  }

  state(): StoredTasks {
    return {
      lastSequence: this.#sequence,
      takenNames: [...this.#takenUntilMs],
      tasks: [...this.#tasks.values()],
    };
  }

  /** Takes over what {@link state} gave; only while it is empty. */
  restore({ lastSequence, takenNames, tasks }: StoredTasks): void {
    this.#sequence = lastSequence;
    for (const [name, untilMs] of takenNames) this.#takenUntilMs.set(name, untilMs);
    for (const task of tasks) {
      this.#tasks.set(task.name, task);
      this.#retainedUntilMs = Math.min(this.#retainedUntilMs, task.createdMs + limits.retentionMs);
    }
  }

  /** Adds a task, or returns undefined when its name is taken. */
  add(wanted: NewTask, nowMs: number): Task | undefined {
    this.forget(nowMs);
    this.#sequence += 1;
    const name = wanted.name ?? `${this.#queueName}/tasks/${this.#newId()}`;
    if (this.#tasks.has(name) || this.#takenUntilMs.has(name)) return undefined;
    const task: Task = {
      ...wanted,
      name,
      id: name.slice(name.lastIndexOf('/') + 1),
      isNamed: wanted.name !== undefined,
      sequence: this.#sequence,
      createdMs: nowMs,
      dueMs: Math.max(nowMs, wanted.scheduleMs ?? nowMs),
      dispatchCount: 0,
      responseCount: 0,
      firstAttempt: undefined,
      lastAttempt: undefined,
      state: 'waiting',
    };
    this.#tasks.set(name, task);
    this.#retainedUntilMs = Math.min(this.#retainedUntilMs, nowMs + limits.retentionMs);
    return task;
  }

  get(name: string, nowMs: number): Task | undefined {
    this.forget(nowMs);
    return this.#tasks.get(name);
  }

  /** At most `count` tasks in order of creation, after the one with this sequence number. */
  list(afterSequence: number, count: number, nowMs: number): Task[] {
    this.forget(nowMs);
    const found: Task[] = [];
    for (const task of this.#tasks.values()) {
      if (task.sequence <= afterSequence) continue;
      if (found.length === count) break;
      found.push(task);
    }
    return found;
  }

  remove(task: Task, nowMs: number): void {
    if (!this.#tasks.delete(task.name)) return;
    task.state = 'gone';
    if (task.isNamed) this.#takenUntilMs.set(task.name, nowMs + limits.nameTakenMs);
  }

  clear(nowMs: number): void {
    for (const task of this.#tasks.values()) this.remove(task, nowMs);
  }

  /** Frees names and drops tasks whose time is over. */
  forget(nowMs: number): void {
    for (const [name, untilMs] of this.#takenUntilMs) {
      if (untilMs > nowMs) break;
      this.#takenUntilMs.delete(name);
    }
    if (nowMs < this.#retainedUntilMs) return;
    this.#retainedUntilMs = Number.POSITIVE_INFINITY;
    for (const task of this.#tasks.values()) {
      const untilMs = task.createdMs + limits.retentionMs;
      if (untilMs > nowMs) {
        this.#retainedUntilMs = untilMs;
        break;
      }
      this.remove(task, nowMs);
    }
  }

  #newId(): string {
    const prefix = Math.floor((1 + 8 * this.#random()) * 1e9);
    return `${prefix}${String(this.#sequence).padStart(9, '0')}`;
  }
}
