import assert from 'node:assert/strict';
import { QuotaDays } from '../../functions/src/quota/day.ts';
import { applyToLedger } from '../../functions/src/quota/ledger.ts';
import type { LeaseRequest, LeaseReturn, LedgerAnswer } from '../../functions/src/quota/ledgerRequest.ts';
import type { HolderKind, Lease, LedgerState } from '../../functions/src/quota/ledgerState.ts';
import type { QuotaLimits } from '../../functions/src/quota/limits.ts';
import { noOperations, type Operations } from '../../functions/src/quota/operations.ts';
import type { UseReport } from '../../functions/src/quota/use.ts';
import { plenty } from './scene.ts';

export const days = new QuotaDays('America/Los_Angeles');
/** Noon in Los Angeles, 12 hours before the reset. */
export const noonMs = Date.UTC(2026, 0, 1, 20);
export const resetMs = noonMs + 12 * 3_600_000;

export interface Call {
  holder?: string;
  kind?: HolderKind;
  nowMs?: number;
  returns?: LeaseReturn[];
  wanted?: Partial<LeaseRequest>;
  use?: UseReport[];
}

/** A ledger, and those that ask it. */
export class Book {
  state: LedgerState | undefined;
  readonly limits: QuotaLimits;
  #ids = 0;

  constructor(limits: QuotaLimits = plenty) {
    this.limits = limits;
  }

  ask({ holder = 'a', kind = 'worker', nowMs = noonMs, returns = [], wanted, use = [] }: Call): LedgerAnswer {
    this.#ids += 1;
    const full = wanted && {
      id: `lease-${this.#ids}`,
      takeoverMs: nowMs,
      demands: { ...noOperations },
      needs: { ...noOperations },
      spentEarly: [],
      ...wanted,
    };
    const request = {
      ...{ holder, kind, nowMs, returns, wanted: full, use, multiplier: 1, attempts: 1 },
      day: days.dayOf(nowMs),
    };
    const before = JSON.stringify(this.state);
    const { state, answer } = applyToLedger(this.state, request, this.limits);
    assert.equal(JSON.stringify(this.state), before, 'what was stored is not changed in place');
    // As it is stored and read again.
    if (state !== undefined) this.state = JSON.parse(JSON.stringify(state)) as LedgerState;
    return answer;
  }

  /** A lease for writes. */
  take(demand: number, call: Call = {}): Lease {
    const wanted = { demands: writes(demand), ...call.wanted };
    const { lease } = this.ask({ ...call, wanted });
    assert.ok(lease !== undefined, 'a lease is granted');
    return lease;
  }

  get charged(): Operations {
    return this.state?.charged ?? noOperations;
  }
}

export function writes(count: number): Operations {
  return { ...noOperations, writes: count };
}

export function reads(count: number): Operations {
  return { ...noOperations, reads: count };
}
