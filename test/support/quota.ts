import type { Clock } from '../../functions/src/platform/clock.ts';
import type { DocumentStore } from '../../functions/src/platform/documents.ts';
import type { Ids } from '../../functions/src/platform/ids.ts';
import type { Logger } from '../../functions/src/platform/logger.ts';
import { QuotaDays } from '../../functions/src/quota/day.ts';
import { LeaseHolder } from '../../functions/src/quota/holder.ts';
import { type LeasedDocuments, leasedDocuments } from '../../functions/src/quota/leasedDocuments.ts';
import { Ledger, LedgerError } from '../../functions/src/quota/ledgerDocument.ts';
import { type QuotaLimits, workerMaxWaitMs } from '../../functions/src/quota/limits.ts';
import { OperationMeter } from '../../functions/src/quota/meter.ts';
import type { QuotaReader } from '../../functions/src/quota/reader.ts';
import { Throttle } from '../../functions/src/quota/throttle.ts';
import { ManualClock } from './clock.ts';
import { memoryLogger } from './logger.ts';

/**
 * A database that has nothing and takes everything; a query bills three reads, a count as many as 2,001 documents do.
 */
export const answering: DocumentStore = {
  read: async (paths) => paths.map((path) => ({ path })),
  commit: async () => [],
  commitIfAbsent: async () => undefined,
  query: async () => ({ documents: [], readTimeMs: 0, billedReads: 3 }),
  count: async () => 2_001,
};

/** A holder that grants everything: for tests of what is done with documents, not of what it costs. */
const generousHolder: Pick<LeaseHolder, 'acquire' | 'refund' | 'commitSize'> = {
  acquire: async () => ({ isGranted: true, leaseId: 'all' }),
  refund: () => undefined,
  commitSize: async () => Number.POSITIVE_INFINITY,
};

/** Documents that are metered, and never short of quota. */
export function unlimitedDocuments(
  open: () => Promise<DocumentStore>,
  meter = new OperationMeter(),
): LeasedDocuments {
  const throttle = new Throttle({ logger: memoryLogger(), tickMs: 5_000, warn: () => undefined });
  const options = { meter, throttle, clock: new ManualClock(), maxWaitMs: 1_000 };
  return leasedDocuments({ ...options, open, holder: generousHolder });
}

/** Documents of an instance that takes leases from the ledger in the same database. */
export function limitedDocuments(
  store: DocumentStore,
  options: {
    limits: QuotaLimits;
    meter: OperationMeter;
    clock: Clock;
    ids: Pick<Ids, 'uuid'>;
    logger: Logger;
    tickMs: number;
  },
): LeasedDocuments {
  const { limits, meter, clock, logger, tickMs } = options;
  const days = new QuotaDays('America/Los_Angeles');
  const ledger = new Ledger({ documents: store, clock, days, limits, random: () => 0.5 });
  const throttle = new Throttle({ logger, tickMs, warn: (warning) => meter.warn(warning) });
  const holder = new LeaseHolder({ ...options, ledger, throttle, kind: 'flush', random: () => 0.5 });
  return leasedDocuments({
    open: async () => store,
    holder,
    meter,
    throttle,
    clock,
    maxWaitMs: workerMaxWaitMs,
  });
}

/** The operators' view of the quota while the ledger cannot be read. */
export const unreadableQuota: Pick<QuotaReader, 'report' | 'spentBudget'> = {
  report: () => Promise.reject(new LedgerError(false, new Error('down'))),
  spentBudget: () => Promise.reject(new LedgerError(false, new Error('down'))),
};
