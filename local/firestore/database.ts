import type { LocalClock } from '../shared/clock.ts';
import type { WireDocument } from './codec.ts';
import type { Entry } from './entries.ts';
import { aborted, invalidArgument, StatusError } from './errors.ts';
import type { IndexConfig } from './indexconfig.ts';
import { requireIndexes } from './indexneeds.ts';
import type { Meter } from './meter.ts';
import { documentPath, parentPath } from './names.ts';
import { planQuery, type QueryPlan } from './plan.ts';
import { type QueryResult, runQuery } from './query.ts';
import type { Examined } from './rows.ts';
import { checkedDocumentBytes } from './sizes.ts';
import { type Change, DocumentStore } from './store.ts';
import { CommitClock, type Micros } from './times.ts';
import { type Transaction, Transactions } from './transactions.ts';
import { ExpiryWatch } from './ttl.ts';
import type {
  BatchWriteResponse,
  CommitResponse,
  Consistency,
  StructuredQuery,
  Write,
  WriteResult,
} from './wire.ts';
import { draftCommit, type PlannedWrite, writtenName } from './writes.ts';

/** Told of each commit that changed something. */
type CommitListener = (changed: readonly Entry[], at: Micros) => void;

/** The time as of which, and the transaction in which, a read sees the documents. */
export interface ReadView {
  /** Undefined is now. */
  readonly at: Micros | undefined;
  readonly transaction: Transaction | undefined;
  /** The transaction began with this read, and the client has to be told its id. */
  readonly began: boolean;
}

interface DatabaseOptions {
  readonly clock: LocalClock;
  readonly meter: Meter;
  readonly examined: Examined;
  /** Indexes and TTL policies; without them every query is served, and no document expires. */
  readonly indexes: IndexConfig | undefined;
}

const maxPhantomRounds = 10;

/** One database: its documents, its transactions, and what is billed for them. */
export class Database {
  /** `projects/P/databases/D/documents`, which all document names begin with. */
  readonly root: string;
  readonly store: DocumentStore;
  readonly transactions: Transactions;
  readonly clock: CommitClock;
  readonly meter: Meter;
  readonly examined: Examined;
  readonly #indexes: IndexConfig | undefined;
  readonly #expiry: ExpiryWatch | undefined;
  readonly #listeners = new Set<CommitListener>();

  constructor(name: string, { clock, meter, examined, indexes }: DatabaseOptions) {
    this.root = `${name}/documents`;
    this.store = new DocumentStore(this.root);
    this.transactions = new Transactions(clock);
    this.clock = new CommitClock(clock);
    this.meter = meter;
    this.examined = examined;
    this.#indexes = indexes;
    this.#expiry = indexes && new ExpiryWatch(indexes, clock, (entries) => void this.#expire(entries));
  }

  /** Listens to commits until the returned function is called. */
  onCommit(listener: CommitListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Applies all writes or none. Ends the transaction, if there is one, either way. */
  async commit(
    writes: readonly Write[],
    transactionId: Uint8Array,
    signal: AbortSignal,
  ): Promise<CommitResponse> {
    const planned = writes.map((write) => this.#planned(write));
    const paths = planned.map(({ path }) => path);
    if (transactionId.length === 0) {
      return this.transactions.whenFree(paths, signal, () => this.#apply(planned));
    }
    const transaction = this.transactions.get(transactionId);
    try {
      if (transaction.readOnly && writes.length > 0) {
        throw invalidArgument('Cannot modify entities in a read-only transaction.');
      }
      await this.transactions.lock(transaction, paths, 'exclusive', signal);
      this.#checkQueries(transaction);
      return this.#apply(planned);
    } finally {
      this.transactions.end(transaction);
    }
  }

  /** Applies each write by itself; one that fails leaves the others alone. */
  async batchWrite(writes: readonly Write[], signal: AbortSignal): Promise<BatchWriteResponse> {
    const names = writes.map(writtenName);
    if (new Set(names).size < names.length) {
      throw invalidArgument('A batch cannot write to the same document more than once.');
    }
    const outcomes = await Promise.all(writes.map((write) => this.#writeAlone(write, signal)));
    return {
      writeResults: outcomes.map(({ result }) => result),
      status: outcomes.map(({ error }) =>
        error === undefined ? { code: 0 } : { code: error.code, message: error.message },
      ),
    };
  }

  /** Returns the view of a request's reads; begins a transaction if the request asks for one. */
  view({ transaction: id, newTransaction, readTime }: Consistency): ReadView {
    const began = newTransaction !== null;
    if (!began && id.length === 0) {
      return { at: this.#checkedTime(readTime), transaction: undefined, began };
    }
    const transaction = began ? this.transactions.begin(newTransaction) : this.transactions.get(id);
    if (!transaction.readOnly) return { at: undefined, transaction, began };
    transaction.readTime ??= this.clock.readTime();
    return { at: this.#checkedTime(transaction.readTime), transaction, began };
  }

  /**
   * Checks a query, and that the indexes can serve it.
   * @param aggregated fields that are summed up or averaged
   */
  plan(parent: string, query: StructuredQuery | null, aggregated: readonly string[] = []): QueryPlan {
    const plan = planQuery(parentPath(this.root, parent), query);
    if (this.#indexes !== undefined) requireIndexes(this.#indexes, plan, aggregated);
    return plan;
  }

  /** Runs a query; in a read-write transaction it locks the results and is checked again at commit. */
  async query(plan: QueryPlan, { at, transaction }: ReadView, signal: AbortSignal): Promise<QueryResult> {
    let result = runQuery(this.store, plan, at, this.examined);
    if (transaction === undefined || transaction.readOnly) return result;
    for (let round = 0; round < maxPhantomRounds; round++) {
      const paths = result.rows.map(({ entry }) => entry.path);
      if (!(await this.transactions.lock(transaction, paths, transaction.readMode, signal))) {
        transaction.queries.push({ plan, result });
        return result;
      }
      result = runQuery(this.store, plan, at, this.examined);
    }
    throw aborted('The results of a query in the transaction keep changing. Please retry.');
  }

  /** Takes over a document of a snapshot. Only before the first call. */
  load({ name, fields, createTime = 0, updateTime = 0 }: WireDocument): void {
    const path = documentPath(this.root, name);
    const sizeBytes = checkedDocumentBytes(path, fields);
    const entry = this.store.load(path, { fields, createTime, updateTime, sizeBytes });
    this.#expiry?.changed(entry);
    this.clock.continueFrom(updateTime);
  }

  close(): void {
    this.#expiry?.close();
    this.transactions.close();
  }

  #checkedTime(at: Micros | null): Micros | undefined {
    if (at === null) return undefined;
    const now = this.clock.readTime();
    if (at > now) throw invalidArgument('The read time is in the future.');
    this.store.checkReadable(at, now);
    return at;
  }

  #planned(write: Write): PlannedWrite {
    return { path: documentPath(this.root, writtenName(write)), write };
  }

  async #writeAlone(
    write: Write,
    signal: AbortSignal,
  ): Promise<{ result: WriteResult; error?: StatusError }> {
    try {
      const planned = this.#planned(write);
      const { writeResults } = await this.transactions.whenFree([planned.path], signal, () =>
        this.#apply([planned]),
      );
      return { result: writeResults[0] ?? {} };
    } catch (error) {
      if (error instanceof StatusError) return { result: {}, error };
      throw error;
    }
  }

  #apply(writes: readonly PlannedWrite[]): CommitResponse {
    const commitTime = this.clock.next();
    const outcome = draftCommit(writes, (path) => this.store.current(path), commitTime, this.#indexes);
    this.meter.committed(outcome.writes, outcome.deletes);
    this.#change(outcome.changes, commitTime);
    return { writeResults: outcome.results, commitTime };
  }

  #change(changes: readonly Change[], commitTime: Micros): void {
    const changed = this.store.apply(changes, commitTime);
    if (this.#expiry !== undefined) for (const entry of changed) this.#expiry.changed(entry);
    if (changed.length > 0) for (const listener of this.#listeners) listener(changed, commitTime);
  }

  /**
   * Deletes what a TTL policy ended, each by itself. It waits for locks, and what was given more time meanwhile stays.
   */
  async #expire(entries: readonly Entry[]): Promise<void> {
    const never = new AbortController().signal;
    const expire = (entry: Entry) => () => {
      if (!this.#expiry?.isExpired(entry)) return;
      this.meter.committed(0, 1);
      this.#change([{ path: entry.path, version: undefined }], this.clock.next());
    };
    await Promise.all(entries.map((entry) => this.transactions.whenFree([entry.path], never, expire(entry))));
  }

  /** Locks the documents that a query matched, not those that it would match now. */
  #checkQueries(transaction: Transaction): void {
    for (const { plan, result } of transaction.queries) {
      const now = runQuery(this.store, plan, undefined, this.examined);
      const same =
        now.rows.length === result.rows.length &&
        now.rows.every(({ version }, i) => version === result.rows[i]?.version);
      if (!same) throw aborted('A query that the transaction read has other results now. Please retry.');
    }
  }
}
