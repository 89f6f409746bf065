import { type Clock, delay } from '../platform/clock.ts';
import {
  countReads,
  DocumentError,
  type DocumentStore,
  type DocumentWrite,
  maxCounted,
} from '../platform/documents.ts';
import { messageOf } from '../platform/errors.ts';
import { onceAsync } from '../platform/once.ts';
import type { LeaseHolder } from './holder.ts';
import type { Denial } from './ledgerRequest.ts';
import { readPauseMs, readRetryMs } from './limits.ts';
import type { OperationMeter } from './meter.ts';
import { type BilledType, billedTypes, noOperations, type Operations } from './operations.ts';
import type { Throttle } from './throttle.ts';

interface LeasedDocumentsOptions {
  /** Firestore itself. */
  open(): Promise<DocumentStore>;
  holder: Pick<LeaseHolder, 'acquire' | 'refund' | 'commitSize'>;
  meter: OperationMeter;
  throttle: Throttle;
  clock: Clock;
  /** Longest wait of an operation for its turn. */
  maxWaitMs: number;
  /** Times that a read is tried while Firestore is unavailable, each spent from a lease; 1 where none is said. */
  readAttempts?: number;
}

/** Cleanup's first reads, which need no lease: so many an hour for each process. */
export const cleanupFirstPurpose = 'cleanup_first';
const cleanupFirstReads = 2;
const hourMs = 3_600_000;

/** Documents of which every operation is spent from a lease before it is done. */
export interface LeasedDocuments extends DocumentStore {
  /** Documents that a commit may write, or delete, now, where so many wait for it. Throws DocumentError `no_quota`. */
  commitSize(waiting: number, type?: 'writes' | 'deletes'): Promise<number>;
}

/**
 * The one way to Firestore for the rest of Sluice: every operation is spent from a lease and counted under its
 * purpose. What no lease covers fails with `no_quota` and is not sent. A call that fails counts in full, because what
 * it asked for may have been done; so does one whose answer is lost. But where documents are not absent as they should
 * be, only they were read.
 */
export function leasedDocuments(given: LeasedDocumentsOptions): LeasedDocuments {
  const options = { ...given, isUnleased: cleanupUnleased(given) };
  return {
    commitSize: async (waiting, type = 'writes') => {
      const size = await options.holder.commitSize(waiting, type);
      if (typeof size === 'number') return size;
      throw noQuota(waiting, type, size);
    },
    read: (paths, purpose) =>
      reading(options, purpose, { reads: paths.length }, async (documents) => ({
        result: await documents.read(paths, purpose),
        reads: paths.length,
      })),
    commit: (writes, purpose) =>
      spending(options, purpose, operationsOf(writes), async (documents) => ({
        result: await documents.commit(writes, purpose),
        reads: 0,
      })),
    commitIfAbsent: (writes, absent, purpose) =>
      spending(options, purpose, { ...operationsOf(writes), reads: absent.length }, async (documents) => ({
        result: await documents.commitIfAbsent(writes, absent, purpose),
        reads: absent.length,
      })),
    query: (query, purpose) =>
      reading(options, purpose, { reads: Math.max(1, query.limit) }, async (documents) => {
        const result = await documents.query(query, purpose);
        return { result, reads: result.billedReads };
      }),
    count: (query, purpose) =>
      reading(options, purpose, { reads: countReads(maxCounted) }, async (documents) => {
        const result = await documents.count(query, purpose);
        return { result, reads: countReads(result) };
      }),
  };
}

/** Opens at the first call, and again after that failed, which is an outage. Throws DocumentError `unavailable`. */
export function reopening(open: () => Promise<DocumentStore>): () => Promise<DocumentStore> {
  const opened = onceAsync(open);
  return async () => {
    try {
      return await opened();
    } catch (cause) {
      throw new DocumentError('unavailable', messageOf(cause), { cause });
    }
  };
}

function operationsOf(writes: readonly DocumentWrite[]): Partial<Operations> {
  const deletes = writes.filter(({ changes }) => changes === 'deleted').length;
  return { writes: writes.length - deletes, deletes };
}

interface SpendingOptions extends LeasedDocumentsOptions {
  /** True where operations need no lease; then they are counted as such. */
  isUnleased(purpose: string, operations: Operations): boolean;
}

function cleanupUnleased({ clock, meter }: LeasedDocumentsOptions): SpendingOptions['isUnleased'] {
  let hour = { number: 0, reads: 0 };
  return (purpose, operations) => {
    const number = Math.floor(clock.now() / hourMs);
    if (number !== hour.number) hour = { number, reads: 0 };
    const { reads } = operations;
    if (purpose !== cleanupFirstPurpose || operations.writes + operations.deletes > 0) return false;
    if (hour.reads + reads > cleanupFirstReads) return false;
    hour.reads += reads;
    meter.countUnleased({ reads });
    return true;
  };
}

/** Spends the most that a call can cost, makes it, and takes back what it turned out not to cost. */
async function spending<Result>(
  options: SpendingOptions,
  purpose: string,
  most: Partial<Operations>,
  call: (documents: DocumentStore) => Promise<{ result: Result; reads: number }>,
): Promise<Result> {
  const { holder, meter } = options;
  const operations = { ...noOperations, ...most };
  const documents = await options.open();
  const needed = options.isUnleased(purpose, operations) ? noOperations : operations;
  const leases = await acquireAll(options, needed);
  let spent = operations;
  try {
    const { result, reads } = await call(documents);
    spent = { ...operations, reads };
    return result;
  } catch (error) {
    const isUndone = error instanceof DocumentError && error.present.length > 0;
    if (isUndone) spent = { ...noOperations, reads: operations.reads };
    throw withRetry(options, error, operations);
  } finally {
    for (const [type, lease] of leases) {
      if (spent[type] < operations[type]) holder.refund(type, operations[type] - spent[type], lease);
    }
    meter.count(purpose, spent);
  }
}

/** Spends as {@link spending}, and again where Firestore was unavailable for a moment. */
async function reading<Result>(
  options: SpendingOptions,
  purpose: string,
  most: Partial<Operations>,
  call: (documents: DocumentStore) => Promise<{ result: Result; reads: number }>,
): Promise<Result> {
  const { readAttempts = 1, clock } = options;
  const untilMs = clock.now() + readRetryMs;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await spending(options, purpose, most, call);
    } catch (error) {
      const isPassing = error instanceof DocumentError && error.failure === 'unavailable';
      if (!isPassing || attempt >= readAttempts || clock.now() >= untilMs) throw error;
      await delay(clock, readPauseMs * 4 ** (attempt - 1));
    }
  }
}

/** The lease that each kind is spent from. Throws DocumentError `no_quota`. */
async function acquireAll(
  { holder, maxWaitMs }: LeasedDocumentsOptions,
  operations: Operations,
): Promise<Map<BilledType, string>> {
  const leases = new Map<BilledType, string>();
  for (const type of billedTypes.filter((kind) => operations[kind] > 0)) {
    const decision = await holder.acquire(type, operations[type], maxWaitMs);
    if (!decision.isGranted) {
      for (const [granted, leaseId] of leases) holder.refund(granted, operations[granted], leaseId);
      throw noQuota(operations[type], type, decision);
    }
    leases.set(type, decision.leaseId);
  }
  return leases;
}

function noQuota(count: number, type: BilledType, { reason, retryAtMs }: Denial): DocumentError {
  const message = `No quota for ${count} ${type}: ${reason}.`;
  return new DocumentError('no_quota', message, { retryAtMs, short: type });
}

/** Slows everything down where Firestore itself says that its quota is used up; the error says until when. */
function withRetry(
  { throttle, clock }: LeasedDocumentsOptions,
  error: unknown,
  operations: Operations,
): unknown {
  if (!(error instanceof DocumentError) || error.failure !== 'exhausted') return error;
  const type = billedTypes.find((kind) => operations[kind] > 0) ?? 'reads';
  const retryAtMs = throttle.exhausted(type, clock.now());
  return new DocumentError('exhausted', error.message, { cause: error, retryAtMs });
}
