import type { Clock } from '../../functions/src/platform/clock.ts';

/** Far cheaper than that of `node:timers/promises`, and simulations take millions. */
const nextTurn = (): Promise<void> => new Promise((done) => setImmediate(done));

interface Timer {
  dueMs: number;
  order: number;
  task: (() => void) | undefined;
}

/** One time for a whole simulation; it moves to the next timer as soon as nothing else can run. */
export class VirtualTime implements Clock {
  #nowMs: number;
  #order = 0;
  readonly #heap: Timer[] = [];

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  setTimeout(task: () => void, delayMs: number): Timer {
    this.#order += 1;
    const timer = { dueMs: this.#nowMs + Math.max(0, Math.ceil(delayMs)), order: this.#order, task };
    this.#push(timer);
    return timer;
  }

  clearTimeout(handle: unknown): void {
    if (handle !== undefined) (handle as Timer).task = undefined;
  }

  /** The same time on a clock that is `skewMs` ahead. */
  skewed(skewMs: number): Clock {
    return {
      now: () => this.#nowMs + skewMs,
      setTimeout: (task, delayMs) => this.setTimeout(task, delayMs),
      clearTimeout: (handle) => this.clearTimeout(handle),
    };
  }

  async runUntil(endMs: number): Promise<void> {
    await nextTurn();
    for (let top = this.#heap[0]; top !== undefined && top.dueMs <= endMs; top = this.#heap[0]) {
      this.#nowMs = Math.max(this.#nowMs, top.dueMs);
      let hasRun = false;
      for (
        let due: Timer | undefined = top;
        due !== undefined && due.dueMs <= this.#nowMs;
        due = this.#heap[0]
      ) {
        this.#pop();
        hasRun ||= due.task !== undefined;
        due.task?.();
      }
      // Promises run to their end before time moves.
      if (hasRun) await nextTurn();
    }
    this.#nowMs = endMs;
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let index = heap.push(timer) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(heap[index], heap[parent])) break;
      swap(heap, index, parent);
      index = parent;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    swap(heap, 0, heap.length - 1);
    heap.pop();
    for (let index = 0; ; ) {
      const left = 2 * index + 1;
      const least = isBefore(heap[left + 1], heap[left]) ? left + 1 : left;
      if (!isBefore(heap[least], heap[index])) return;
      swap(heap, index, least);
      index = least;
    }
  }
}

function isBefore(a: Timer | undefined, b: Timer | undefined): boolean {
  if (a === undefined) return false;
  return b === undefined || a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

function swap(heap: Timer[], a: number, b: number): void {
  const held = heap[a];
  const other = heap[b];
  if (held === undefined || other === undefined) return;
  heap[a] = other;
  heap[b] = held;
}
