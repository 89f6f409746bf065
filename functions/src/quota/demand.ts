import { demandMargin, longWaitMs, maxTermMs, trickleRate } from './limits.ts';
import { type BilledType, noOperations, type Operations, perType } from './operations.ts';

/** Work that was announced counts for so long, if nothing more is heard of it. */
const expectationMs = 15_000;

/**
 * The demand of a holder: the operations a second that it would use, from those it was asked for since its last lease.
 */
export class Demand {
  #arrived: Operations = { ...noOperations };
  #sinceMs: number;
  readonly #lastMs: Partial<Record<BilledType, number>> = {};
  #raised: Operations = { ...noOperations };
  readonly #expected: Partial<Record<BilledType, { count: number; atMs: number }>> = {};

  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
  }

  arrive(type: BilledType, count: number, nowMs: number): void {
    this.#arrived[type] += count;
    const expected = this.#expected[type];
    if (expected !== undefined) expected.count = Math.max(0, expected.count - count);
    this.#lastMs[type] = nowMs;
  }

  /** Takes back operations that were asked for and not done. */
  refund(type: BilledType, count: number): void {
    this.#arrived[type] = Math.max(0, this.#arrived[type] - count);
  }

  /** Demands so many a second, whatever arrived: callers wait for what they have. */
  raise(type: BilledType, rate: number): void {
    this.#raised[type] = rate;
  }

  /** Expects so many, as fast as they can be done. */
  expect(type: BilledType, count: number, nowMs: number): void {
    this.#expected[type] = { count, atMs: nowMs };
  }

  /** Operations that were announced and have not come yet. */
  expected(type: BilledType, nowMs: number): number {
    const expected = this.#expected[type];
    return expected !== undefined && nowMs - expected.atMs < expectationMs ? expected.count : 0;
  }

  /** A new lease begins: what was asked for before says nothing more. */
  restart(nowMs: number): void {
    this.#arrived = { ...noOperations };
    this.#raised = { ...noOperations };
    this.#sinceMs = nowMs;
  }

  /** Operations a second; `queued`: those that wait now. 0 for a kind that was not used for long. */
  rates(queued: Operations, nowMs: number): Operations {
    const seconds = Math.max(1, (nowMs - this.#sinceMs) / 1000);
    return perType((type) => {
      const lastMs = this.#lastMs[type];
      const waiting = queued[type] + this.expected(type, nowMs);
      const arriving = (this.#arrived[type] / seconds) * demandMargin;
      const isUsed = lastMs !== undefined && nowMs - lastMs < maxTermMs;
      return Math.max(arriving, this.#raised[type], (waiting * 1000) / longWaitMs, isUsed ? trickleRate : 0);
    });
  }
}
