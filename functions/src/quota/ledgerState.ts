import { emptyHistory, type History } from './history.ts';
import { emergencyShare, releaseMs } from './limits.ts';
import { type BilledType, type ByPurpose, noOperations, type Operations, perType } from './operations.ts';

/** The holders of leases: instances for callers, for miners' keys, the flush, instances for other work, proxies. */
export type HolderKind = 'api' | 'miner' | 'flush' | 'worker' | 'proxy';

/** A share of the quota. Its amounts are charged to its day; its rates hold from start to end. */
export interface Lease {
  id: string;
  holder: string;
  kind: HolderKind;
  /** The {@link QuotaDay} that is charged. */
  day: string;
  /** Operations a second. */
  rates: Operations;
  amounts: Operations;
  startMs: number;
  endMs: number;
  /** The rates of the lease that this one renews: they may be spent until then. */
  previous?: { rates: Operations; untilMs: number } | undefined;
  /** Operations a second that the holder would use. */
  demands: Operations;
  /** The factor by which its holder goes slower; 1: not at all. */
  multiplier: number;
}

/** Charges of one day. */
interface DayCharges {
  /** Amounts charged today, less what was returned; with the ledger's own operations. */
  charged: Operations;
  /** The part of `charged.reads` that API instances took: the others leave a share to these. */
  apiReads: number;
  /** The part that the flush took, which is left a share as well. */
  flushReads: number;
  /** The part that miners' keys caused, of which there is a limit. */
  minerReads: number;
  /** The time at which the day's budget, less what is reserved for others, was spent last. */
  spentAtMs: Partial<Operations>;
}

/** The part that earlier versions neither knew nor dropped. */
interface Reported {
  /** Sums of what was reported. */
  history: History;
  /** Ids of reports that are counted, the latest last. */
  reports: string[];
}

/** All that the ledger's document holds. Plain JSON. */
export interface LedgerState extends DayCharges, Reported {
  day: string;
  /** Leases that live, and those ended that were not returned yet. */
  leases: Lease[];
  /** Rates given up, and until when they may still show at the database. */
  releasing: { rates: Operations; untilMs: number }[];
  /** Holders that found no rate free. */
  waiting: { holder: string; kind?: HolderKind; demands: Operations; untilMs: number }[];
  /** Operations known to be done. */
  used: { today: Operations; total: Operations; byPurpose: ByPurpose; minutes: UsedMinute[] };
  /** The latest last. */
  warnings: QuotaWarning[];
}

/** Operations reported within a minute. */
export interface UsedMinute {
  startMs: number;
  operations: Operations;
}

/** A ledger of which nothing is known yet. */
export function emptyLedger(day: string): LedgerState {
  return {
    day,
    ...nothingCharged(),
    ...nothingReported(),
    leases: [],
    releasing: [],
    waiting: [],
    used: { today: { ...noOperations }, total: { ...noOperations }, byPurpose: {}, minutes: [] },
    warnings: [],
  };
}

/** A day of which nothing is charged yet. */
export function nothingCharged(): DayCharges {
  return { charged: { ...noOperations }, apiReads: 0, flushReads: 0, minerReads: 0, spentAtMs: {} };
}

/** A ledger that nobody reported to yet. */
export function nothingReported(): Reported {
  return { history: emptyHistory(), reports: [] };
}

/** True while a lease may still be spent. */
export function isLive(lease: Lease, nowMs: number): boolean {
  return nowMs < lease.endMs;
}

/** The holders of live leases. */
export function liveHolders({ leases }: LedgerState, nowMs: number): Set<string> {
  return new Set(leases.filter((lease) => isLive(lease, nowMs)).map(({ holder }) => holder));
}

/** True while what a lease allowed may still show at the database. */
export function isReserved(lease: Lease, nowMs: number): boolean {
  return nowMs < lease.endMs + releaseMs;
}

/** The rates that a reserved lease takes: also those that the lease before it allows its holder for the moment. */
export function reservedRates({ rates, previous }: Lease, nowMs: number): Operations {
  if (previous === undefined || nowMs >= previous.untilMs + releaseMs) return rates;
  return perType((type) => Math.max(rates[type], previous.rates[type]));
}

type LimitType = 'per_second' | 'per_minute' | 'per_day';

/** Use that came near a limit, or went over it. */
export interface QuotaWarning {
  operationType: BilledType;
  limitType: LimitType;
  current: number;
  limit: number;
  atMs: number;
}

/** Whole and tenth percents, as people read them. */
export function percentageOf({ current, limit }: Pick<QuotaWarning, 'current' | 'limit'>): number {
  return limit === 0 ? 100 : Math.round((current / limit) * 1000) / 10;
}

export function isEmergency({ current, limit }: QuotaWarning): boolean {
  return current >= limit * emergencyShare;
}
