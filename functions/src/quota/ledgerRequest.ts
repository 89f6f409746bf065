import type { QuotaDay } from './day.ts';
import type { HolderKind, Lease, QuotaWarning } from './ledgerState.ts';
import type { BilledType, Operations } from './operations.ts';
import type { UseReport } from './use.ts';

/** The reason of a denial. */
type DenialReason = 'rate' | 'daily_budget' | 'reset' | 'too_many_leases' | 'ledger_unavailable';

export interface Denial {
  reason: DenialReason;
  retryAtMs: number;
}

export type Denials = Partial<Record<BilledType, Denial>>;

/** The return of a lease. */
export interface LeaseReturn {
  id: string;
  /** `all`: nothing comes back but the rate. */
  spent: Operations | 'all';
  /** The part of the rest that its holder may yet spend while it waits for the lease that renews it; stays charged. */
  retained?: Operations | undefined;
}

/** A lease that is asked for. */
export interface LeaseRequest {
  /** The new lease's id. */
  id: string;
  /** The lease that it renews may be spent until then; the request's time where it renews none. */
  takeoverMs: number;
  /** Operations a second that the holder would use; 0: none of this kind. */
  demands: Operations;
  /** The least amounts that are of use. */
  needs: Operations;
  /** Kinds whose amount was spent before its lease ended, so that the next may be twice as large. */
  spentEarly: readonly BilledType[];
  /** A proxy's: so much at most, for so long. */
  fixed?: { amounts: Operations; termMs: number } | undefined;
}

/** A holder's request: leases that come back, a lease that is asked for, and what was done. */
export interface LedgerRequest {
  holder: string;
  kind: HolderKind;
  nowMs: number;
  /** The day of `nowMs`. */
  day: QuotaDay;
  /** Times that the ledger was read for this: each is billed. */
  attempts: number;
  returns: readonly LeaseReturn[];
  wanted?: LeaseRequest | undefined;
  /** All that was done and is not known to be recorded. */
  use: readonly UseReport[];
  /** The multiplier of the holder's throttle. */
  multiplier: number;
}

export type ReturnOutcome = 'pending' | 'credited' | 'unknown' | 'other_day' | 'too_much';

export interface LedgerAnswer {
  /** Ids of the reports that are recorded, now or before; the others must be sent again. */
  recorded: readonly string[];
  /** The lease that is granted; undefined where nothing is, or none was asked for. */
  lease: Lease | undefined;
  /** The kinds that were asked for and are not granted. */
  denials: Denials;
  /**
   * The outcome of each return, in order. All are `pending` where a lease was asked for and not granted, at the
   * reset, and where the day has no write left for the ledger: then leases stand as they were. A proxy's are all
   * credited, or nothing is changed.
   */
  returned: ReturnOutcome[];
  /** Holders that live, this one included. */
  holders: number;
  /** The share of each day's limit that is charged; 0 without limit. */
  chargedShare: Operations;
  /** Limits that were neared with this request, for the log. */
  warnings: QuotaWarning[];
}
