import { coolingMs } from './limits.ts';
import { type ByCause, each, noOperations, type Operations } from './operations.ts';
import type { QuotaWarning } from './warnings.ts';

/** Who holds leases: instances for callers, and for miners' keys, the flush, instances that do other work, proxies outside. */
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
  /** Of the lease that this one renews: it may be spent until then. */
  previous?: { rates: Operations; untilMs: number } | undefined;
  /** What the holder would use, operations a second. */
  demands: Operations;
  /** How much slower its holder goes; 1: not at all. */
  multiplier: number;
}

/** All that the ledger's document holds. Plain JSON. */
export interface LedgerState {
  day: string;
  /** Amounts charged today, less what was returned; with the ledger's own operations. */
  charged: Operations;
  /** The part of `charged.reads` that API instances took: the others leave a share to these. */
  apiReads: number;
  /** The part that the flush took, which is left a share as well. */
  flushReads?: number;
  /** The part that miners' keys caused, of which there is a limit. */
  minerReads?: number;
  /** When the budget of the day, or what of it is not kept for others, was spent last. */
  spentAtMs?: Partial<Operations>;
  /** Leases that live, and those ended that were not returned yet. */
  leases: Lease[];
  /** Rates given up, and until when they may still show at the database. */
  cooling: { rates: Operations; untilMs: number }[];
  /** Holders that found no rate free. */
  waiting: { holder: string; kind?: HolderKind; demands: Operations; untilMs: number }[];
  /** Operations known to be done. */
  used: { today: Operations; total: Operations; byCause: ByCause; minutes: UsedMinute[] };
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
    charged: { ...noOperations },
    apiReads: 0,
    leases: [],
    cooling: [],
    waiting: [],
    used: { today: { ...noOperations }, total: { ...noOperations }, byCause: {}, minutes: [] },
    warnings: [],
  };
}

/** Whether a lease may still be spent. */
export function isLive(lease: Lease, nowMs: number): boolean {
  return nowMs < lease.endMs;
}

/** Whether what a lease allowed may still show at the database. */
export function isReserved(lease: Lease, nowMs: number): boolean {
  return nowMs < lease.endMs + coolingMs;
}

/** What counts as taken for a reserved lease: also what the lease before it allows its holder for the moment. */
export function reservedRates({ rates, previous }: Lease, nowMs: number): Operations {
  if (previous === undefined || nowMs >= previous.untilMs + coolingMs) return rates;
  return each((type) => Math.max(rates[type], previous.rates[type]));
}
