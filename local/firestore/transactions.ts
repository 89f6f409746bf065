import type { LocalClock, LocalTimer } from '../shared/clock.ts';
import { aborted, invalidArgument } from './errors.ts';
import { transactionIdleMs, transactionTotalMs } from './limits.ts';
import { type LockMode, type LockOwner, LockTable, newLockOwner } from './locks.ts';
import type { QueryPlan } from './plan.ts';
import type { QueryResult } from './query.ts';
import type { Micros } from './times.ts';
import type { TransactionOptions } from './wire.ts';

export interface Transaction extends LockOwner {
  readonly id: Uint8Array;
  readonly readOnly: boolean;
  /** An attempt after the first locks to write from its reads on, so that contention comes to an end. */
  readonly readMode: LockMode;
  readonly beganMs: number;
  usedMs: number;
  /** Read-only transactions read everything at this time, set by their first read. */
  readTime: Micros | undefined;
  /** Queries whose results must still be the same at commit. */
  readonly queries: { readonly plan: QueryPlan; readonly result: QueryResult }[];
}

function keyOf(id: Uint8Array): string {
  return Buffer.from(id).toString('latin1');
}

/** An id carries its transaction's age, so that the next attempt can keep it when this one is long forgotten. */
function ageOf(id: Uint8Array | undefined): number | undefined {
  const age = Number.parseInt(keyOf(id ?? new Uint8Array()).split('.')[1] ?? '', 10);
  return Number.isNaN(age) ? undefined : age;
}

/** The open transactions and the locks that they, and plain writes, hold. */
export class Transactions {
  readonly #clock: LocalClock;
  readonly #open = new Map<string, Transaction>();
  readonly #locks = new LockTable();
  #arrivals = 0;
  #expiry: LocalTimer | undefined;

  constructor(clock: LocalClock) {
    this.#clock = clock;
  }

  /** Calls that wait for a lock now. */
  get waiting(): number {
    return this.#locks.waiting;
  }

  begin(options: TransactionOptions | null): Transaction {
    this.#endExpired();
    const arrival = ++this.#arrivals;
    const earlierAge = ageOf(options?.readWrite?.retryTransaction);
    const age = earlierAge ?? arrival;
    const now = this.#clock.now();
    const transaction: Transaction = {
      ...newLockOwner(age),
      id: Buffer.from(`${arrival}.${age}`, 'latin1'),
      readOnly: options?.mode === 'readOnly',
      readMode: earlierAge === undefined ? 'shared' : 'exclusive',
      beganMs: now,
      usedMs: now,
      readTime: options?.readOnly?.readTime ?? undefined,
      queries: [],
    };
    this.#open.set(keyOf(transaction.id), transaction);
    return transaction;
  }

  /**
   * The open transaction with this id, whose idle time starts again.
   * @throws StatusError INVALID_ARGUMENT when there is none, or it has expired.
   */
  get(id: Uint8Array): Transaction {
    this.#endExpired();
    const transaction = this.#open.get(keyOf(id));
    if (transaction === undefined) {
      throw invalidArgument('The referenced transaction has expired or is no longer valid.');
    }
    transaction.usedMs = this.#clock.now();
    return transaction;
  }

  /** Ends a transaction, however it went, and frees its locks. */
  end(transaction: Transaction): void {
    this.#open.delete(keyOf(transaction.id));
    this.#locks.end(transaction, aborted('The transaction has ended.'));
  }

  /**
   * Locks documents for a transaction until it ends. Resolves to whether it had to wait.
   * @throws StatusError ABORTED
   */
  async lock(
    transaction: Transaction,
    paths: Iterable<string>,
    mode: LockMode,
    signal: AbortSignal,
  ): Promise<boolean> {
    try {
      const waited = await this.#acquire(transaction, paths, mode, signal);
      if (transaction.ended !== undefined) throw transaction.ended;
      return waited;
    } finally {
      transaction.usedMs = this.#clock.now();
      if (transaction.ended !== undefined) this.#open.delete(keyOf(transaction.id));
    }
  }

  /** Runs `work` when nobody else holds any of the documents, and while nobody can. */
  async whenFree<T>(paths: readonly string[], signal: AbortSignal, work: () => T): Promise<T> {
    if (this.#locks.isFree(paths)) return work();
    const owner = newLockOwner(++this.#arrivals);
    try {
      await this.#acquire(owner, paths, 'exclusive', signal);
      return work();
    } finally {
      this.#locks.end(owner, aborted('The write has ended.'));
    }
  }

  close(): void {
    this.#clock.clearTimeout(this.#expiry);
    for (const transaction of [...this.#open.values()]) this.end(transaction);
  }

  async #acquire(
    owner: LockOwner,
    paths: Iterable<string>,
    mode: LockMode,
    signal: AbortSignal,
  ): Promise<boolean> {
    const acquired = this.#locks.acquire(owner, paths, mode, signal);
    this.#watchExpiry();
    try {
      return await acquired;
    } finally {
      this.#watchExpiry();
    }
  }

  #expiresMs({ beganMs, usedMs, waits }: Transaction): number {
    const totalMs = beganMs + transactionTotalMs;
    return waits.size > 0 ? totalMs : Math.min(totalMs, usedMs + transactionIdleMs);
  }

  #endExpired(): void {
    const now = this.#clock.now();
    for (const transaction of [...this.#open.values()]) {
      if (this.#expiresMs(transaction) <= now) this.end(transaction);
    }
  }

  /** A timer is needed only while somebody waits for a lock that its holder may never free. */
  #watchExpiry(): void {
    if (this.#locks.waiting === 0) {
      this.#clock.clearTimeout(this.#expiry);
      this.#expiry = undefined;
      return;
    }
    if (this.#expiry !== undefined) return;
    const holders = [...this.#open.values()].filter((transaction) => transaction.held.size > 0);
    if (holders.length === 0) return;
    const dueMs = Math.min(...holders.map((transaction) => this.#expiresMs(transaction)));
    this.#expiry = this.#clock.setTimeout(() => {
      this.#expiry = undefined;
      this.#endExpired();
      this.#watchExpiry();
    }, dueMs - this.#clock.now());
  }
}
