import type { FirestoreUsage } from '../shared/service.ts';

const indexEntriesPerRead = 1000;

/** Billed operations since the last reset (firebase.google.com/docs/firestore/pricing). */
export class Meter {
  #usage: FirestoreUsage = { reads: 0, writes: 0, deletes: 0 };

  usage(): FirestoreUsage {
    return { ...this.#usage };
  }

  reset(): void {
    this.#usage = { reads: 0, writes: 0, deletes: 0 };
  }

  /** Documents got by name (missing ones too), or sent to a listener. */
  documentsRead(count: number): void {
    this.#usage.reads += count;
  }

  /** A query or listing that went over this many documents, skipped ones included. */
  queryRead(documents: number): void {
    this.#usage.reads += Math.max(1, documents);
  }

  aggregationRead(indexEntries: number): void {
    this.#usage.reads += Math.max(1, Math.ceil(indexEntries / indexEntriesPerRead));
  }

  committed(writes: number, deletes: number): void {
    this.#usage.writes += writes;
    this.#usage.deletes += deletes;
  }
}
