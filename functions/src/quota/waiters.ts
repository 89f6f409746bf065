import type { Denial } from './ledger.ts';

/** Whether operations may be done now. */
export type QuotaDecision = { isGranted: true; leaseId: string } | ({ isGranted: false } & Denial);

interface Waiter {
  count: number;
  giveUpAtMs: number;
  decide(decision: QuotaDecision): void;
}

/** Those that wait for operations of one kind, in order. */
export class Waiters {
  #queue: Waiter[] = [];

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

  /** When the first of them gives up; Infinity without any. */
  get nextGiveUpMs(): number {
    return Math.min(...this.#queue.map(({ giveUpAtMs }) => giveUpAtMs));
  }

  wait(count: number, giveUpAtMs: number): Promise<QuotaDecision> {
    return new Promise((decide) => {
      this.#queue.push({ count, giveUpAtMs, decide });
    });
  }

  grantFirst(leaseId: string): void {
    this.#queue.shift()?.decide({ isGranted: true, leaseId });
  }

  /** Refuses those that do not wait until `ms`; `refusal` is asked for once, where there are any. */
  refuseUntil(ms: number, refusal: () => Denial): void {
    const late = this.#queue.filter(({ giveUpAtMs }) => giveUpAtMs <= ms);
    if (late.length === 0) return;
    const denial = refusal();
    this.#queue = this.#queue.filter(({ giveUpAtMs }) => giveUpAtMs > ms);
    for (const { decide } of late) decide({ isGranted: false, ...denial });
  }
}
