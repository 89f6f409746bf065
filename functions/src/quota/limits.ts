import { type Operations, perType } from './operations.ts';

/** The limits that the ledger keeps to. */
export interface QuotaLimits {
  /** Operations a second that leases may sum up to, before the ledger's own. */
  rates: Operations;
  /** Operations a minute that are granted: {@link rates} already keep to them; a minute near them is warned of. */
  perMinute: Operations;
  /** Operations a day; 0: no limit. */
  daily: Operations;
}

/** The limits that parameters give, operations by kind. */
export function quotaLimits(given: {
  ratePerSecond: Operations;
  ratePerMinute: Operations;
  daily: Operations;
}): QuotaLimits {
  const { ratePerSecond, ratePerMinute: perMinute, daily } = given;
  return { rates: perType((type) => Math.min(ratePerSecond[type], perMinute[type] / 60)), perMinute, daily };
}

/**
 * Longest wait of an operation for its turn: of a caller; of a poll, whose instance may be small and just have started;
 * and of work that can wait in the queue instead.
 */
export const apiMaxWaitMs = 1_000;
export const pollMaxWaitMs = 4_000;
export const workerMaxWaitMs = 10_000;

/** Longest calls to Firestore: a caller gives up after 10 s, work is queued again, a ledger transaction is a few. */
export const apiCallMs = 6_000;
export const workerCallMs = 15_000;
export const ledgerCallMs = 5_000;

/** A rate that was given up, or whose lease ended, is free after this: clocks of instances differ by up to as much. */
export const releaseMs = 1_000;

/** Leases end this long before the daily reset, or start this long after it. */
export const resetMarginMs = 1_000;

/** Operations a second that the ledger's own may take: about one transaction, and its repetitions. */
const ledgerRates: Operations = { writes: 1, reads: 2, deletes: 0 };

/** The share of a day that is left to the ledger's own operations: also those that only find the day spent. */
const ledgerDayShare: Operations = { writes: 0.01, reads: 0.02, deletes: 0 };

/** Operations that leases may sum up to in a day; 0: no limit. */
export function leasablePerDay({ daily }: QuotaLimits): Operations {
  return perType((type) => daily[type] - Math.ceil(daily[type] * ledgerDayShare[type]));
}

/** Arrivals at the database are less even than departures: this much of the limit is left for that. */
const evenness = 0.98;

/** Operations a second that leases may sum up to. */
export function leasableRates(limits: QuotaLimits): Operations {
  return perType(
    (type) => limits.rates[type] * evenness - Math.min(ledgerRates[type], limits.rates[type] * 0.02),
  );
}

/** A lease that waits for work: few operations a second, but enough for a trickle. */
export function lowRate(limit: number): number {
  return Math.max(limit / 200, Math.min(1, limit / 50));
}

/** The part of the daily reads that is reserved for the API, and as much for the flush. */
export const reservedReadsShare = 0.1;

/** The part of the daily reads that miners' keys can cause: with those reserved, three tenths are left to others. */
export const minerReadsShare = 0.6;

/** The part of each rate that proxies' leases, which may last an hour, leave to Sluice's own instances. */
export const ownRatesShare = 0.2;

/** Amounts of leases where a day has a limit: at first, and at most, as parts of the day's. */
export const firstAmountShare = 0.001;
export const maxAmountShare = 0.01;

/** A lease lasts as long as its rate, left unused, costs this many seconds of the whole limit, within bounds. */
export const idleCostSeconds = 8;
export const minTermMs = 10_000;
export const maxTermMs = 30 * 60_000;

/**
 * Work that a flush did is reported to the ledger when it did nothing for `quietMs`, at the latest after
 * `maxUnreportedMs`: three times at first, and then once in 20 minutes. Such a report is a write and a read of the
 * ledger's own.
 */
export const quietMs = 15_000;
export const maxUnreportedMs = 60_000;
export const reportsPerSecond = 1 / (20 * 60);
export const reportBurstMs = 60 * 60_000;

/** Term of leases for each holder where more is wanted than there is: about a transaction a second in all. */
export const termPerHolderMs = 1_000;

/**
 * Entries in the ledger's document, which holds 1 MiB (https://cloud.google.com/firestore/quotas#limits) and stays
 * under half of it. The longest ended leases go first, charged as they are; beyond that proxies are refused, all or the
 * one key, and the oldest of Sluice's own instances, which are fewer, become a rate that is taken until they end.
 */
export const maxOwnLeases = 256;
export const maxProxyLeases = 128;
export const maxLeasesOfKey = 32;
export const maxReleasing = 512;
export const maxWaiting = 256;
export const maxPurposes = 40;
export const maxQuotaWarnings = 50;

/**
 * Reports that the ledger knows again: those of the last four minutes at least, as there is about one transaction a
 * second. A process that does not know if its report is recorded sends it again a minute later at the most.
 */
export const maxKnownReports = 256;
export const reportIdLength = 12;

/** Hours of which the ledger has sums: those of the longest day, when clocks go back. */
export const keptHours = 25;

/** Reports of a process of which it does not know if the ledger has them; beyond that one may be counted twice. */
export const maxUncertainReports = 20;

/** A holder that found no rate free counts for so long as one that wants a share. */
export const waitingMs = 15_000;

/** The longest wait for the next try while a daily budget is spent, so that a raised one is noticed. */
export const maxBudgetWaitMs = 15 * 60_000;

/** A holder that found no rate free asks again after this. */
export const rateRetryMs = 1_000;

/** Parts of a limit from which its use is a warning, and an emergency. */
export const warningShare = 0.8;
export const emergencyShare = 0.9;

/** A ledger transaction is given up after this. */
export const ledgerTimeoutMs = 15_000;

/** Times that a transaction is tried when others come in between; pauses before the next, doubling, at random below. */
export const maxLedgerAttempts = 12;
export const minLedgerBackoffMs = 150;
export const maxLedgerBackoffMs = 3_000;

/** Operations that may be spent at once, as time of the rate. */
export const burstMs = 100;

/** A lease is renewed this long before its end, and may be spent so long while the renewal is under way. */
export const renewLeadMs = 3_000;

/** Operations that would wait longer than this ask for a higher rate. */
export const longWaitMs = 200;

/** A rate is too low too if somebody waits most of such a time: who writes one by one never has more waiting. */
export const pressureWindowMs = 1_000;

/**
 * Pauses between a holder's requests: after one that brought a higher rate, and for each holder after one that did not.
 * A higher rate is not asked for again before the last.
 */
export const growPauseMs = 100;
export const askPauseMs = 1_000;
export const upgradePauseMs = 5_000;

/** Operations a second that a holder keeps wanting of a kind that it used lately: its lease goes on. */
export const trickleRate = 0.01;

/** Demand is told with this margin, so that it can grow without a new lease. */
export const demandMargin = 1.25;

/** Pauses after the ledger failed, doubling. */
export const minLedgerPauseMs = 1_000;
export const maxLedgerPauseMs = 60_000;

/** Leases that were not returned yet, of which a holder remembers what it spent. */
export const maxPendingReturns = 20;

/** A look at the ledger serves reports for so long. */
export const ledgerCacheMs = 5_000;

/**
 * A caller's read is tried so often while Firestore is unavailable; pauses before the next, four times as long each.
 * One that took longer than this to fail is not tried again.
 */
export const apiReadAttempts = 3;
export const readRetryMs = 2_000;
export const readPauseMs = 100;
