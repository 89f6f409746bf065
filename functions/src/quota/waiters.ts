import { smallest } from '../platform/arrays.ts';
import type { Clock } from '../platform/clock.ts';
import type { Denial } from './ledgerRequest.ts';
import { pressureWindowMs } from './limits.ts';

/** The decision whether operations may be done now. */
export type QuotaDecision = { isGranted: true; leaseId: string } | ({ isGranted: false } & Denial);

interface Waiter {
  count: number;
  giveUpAtMs: number;
  decide(decision: QuotaDecision): void;
}

/** The callers that wait for operations of one kind, in order. */
export class Waiters {
  readonly #clock: Clock;
  #queue: Waiter[] = [];
  /** The time since when somebody waits, and how long somebody did since the window began. */
  #waitingSinceMs: number | undefined;
  #waitedMs = 0;
  #windowStartMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#windowStartMs = clock.now();
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0;
  }

  /** Operations that are waited for. */
  get count(): number {
    return this.#queue.reduce((sum, { count }) => sum + count, 0);
  }

  /** Operations that the first waits for. */
  get first(): number | undefined {
    return this.#queue[0]?.count;
  }

  /** The time at which the first of them gives up; Infinity without any. */
  get nextGiveUpMs(): number {
    return smallest(this.#queue.map(({ giveUpAtMs }) => giveUpAtMs));
  }

  wait(count: number, giveUpAtMs: number): Promise<QuotaDecision> {
    this.#waitingSinceMs ??= this.#clock.now();
    return new Promise((decide) => {
      this.#queue.push({ count, giveUpAtMs, decide });
    });
  }

  grantFirst(leaseId: string): void {
    this.#queue.shift()?.decide({ isGranted: true, leaseId });
    this.#noteEnd();
  }

  /** Refuses those that do not wait until `ms`; `refusal` is asked for once, where there are any. */
  refuseUntil(ms: number, refusal: () => Denial): void {
    const late = this.#queue.filter(({ giveUpAtMs }) => giveUpAtMs <= ms);
    if (late.length === 0) return;
    const denial = refusal();
    this.#queue = this.#queue.filter(({ giveUpAtMs }) => giveUpAtMs > ms);
    for (const { decide } of late) decide({ isGranted: false, ...denial });
    this.#noteEnd();
  }

  /** True where somebody waited most of the time since the last answer to this, a second ago or more. */
  isPressed(): boolean {
    const nowMs = this.#clock.now();
    const windowMs = nowMs - this.#windowStartMs;
    if (windowMs < pressureWindowMs) return false;
    const waitedMs = this.#waitedMs + (nowMs - (this.#waitingSinceMs ?? nowMs));
    this.#waitedMs = 0;
    this.#windowStartMs = nowMs;
    if (this.#waitingSinceMs !== undefined) this.#waitingSinceMs = nowMs;
    return waitedMs * 2 > windowMs;
  }

  #noteEnd(): void {
    if (!this.isEmpty || this.#waitingSinceMs === undefined) return;
    this.#waitedMs += this.#clock.now() - this.#waitingSinceMs;
    this.#waitingSinceMs = undefined;
  }
}
