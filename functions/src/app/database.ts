import type { firestoreClient } from '../platform/firestore.ts';
import { once } from '../platform/once.ts';
import { atShutdown } from '../platform/shutdown.ts';
import { QuotaDays } from '../quota/day.ts';
import { LeaseHolder } from '../quota/holder.ts';
import { type LeasedDocuments, leasedDocuments, reopening } from '../quota/leasedDocuments.ts';
import { Ledger } from '../quota/ledgerDocument.ts';
import type { HolderKind } from '../quota/ledgerState.ts';
import {
  apiCallMs,
  apiMaxWaitMs,
  apiReadAttempts,
  ledgerCallMs,
  pollMaxWaitMs,
  quotaLimits,
  workerCallMs,
  workerMaxWaitMs,
} from '../quota/limits.ts';
import { OperationMeter } from '../quota/meter.ts';
import { quotaReader as createQuotaReader } from '../quota/reader.ts';
import { Throttle } from '../quota/throttle.ts';
import { base, clock } from './base.ts';

/** Firestore itself, loaded when first used, in calls of at most `limitMs`. Only the ledger uses it without a lease. */
const firestore = (limitMs: number) =>
  reopening(async () => {
    const { firestoreClient, firestoreDocuments } = await import('../platform/firestore.ts');
    client ??= firestoreClient();
    return firestoreDocuments({ clock, limitMs }, client);
  });
let client: ReturnType<typeof firestoreClient> | undefined;

export const meter = new OperationMeter();

export const throttle = once(() => new Throttle({ ...base(), warn: (warning) => meter.warn(warning) }));

/** The days of the quota, by the time zone in which they begin. */
export const days = once(() => new QuotaDays(base().config.quota.timeZone));

export const ledger = once(() => {
  const { quota } = base().config;
  const open = firestore(ledgerCallMs);
  return new Ledger({
    documents: {
      read: async (paths, purpose) => (await open()).read(paths, purpose),
      commit: async (writes, purpose) => (await open()).commit(writes, purpose),
    },
    clock,
    days: days(),
    limits: quotaLimits(quota),
    random: Math.random,
  });
});

export const quotaReader = once(() => {
  const { quota } = base().config;
  const limits = { ...quotaLimits(quota), quotaPerSecond: quota.perSecond };
  return createQuotaReader({ ledger: ledger(), days: days(), limits, clock });
});

/** The one way to Firestore: every operation waits for its turn in leases that this process takes as `kind`. */
export function documentsFor(kind: HolderKind): LeasedDocuments {
  const options = { ...base(), meter, throttle: throttle() };
  const holder = new LeaseHolder({ ...options, ledger: ledger(), kind, random: Math.random });
  if (kind === 'flush') holder.reportWork();
  atShutdown(clock, () => holder.close());
  const maxWaitMs = kind === 'miner' ? pollMaxWaitMs : apiMaxWaitMs;
  const waiting =
    kind === 'api' || kind === 'miner'
      ? { open: firestore(apiCallMs), maxWaitMs, readAttempts: apiReadAttempts }
      : { open: firestore(workerCallMs), maxWaitMs: workerMaxWaitMs };
  return leasedDocuments({ ...options, holder, ...waiting });
}
