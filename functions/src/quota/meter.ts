import type { UseReport } from './ledgerRequest.ts';
import type { QuotaWarning } from './ledgerState.ts';
import { type ByCause, noOperations, type Operations, plus, plusByCause } from './operations.ts';

/** Billed Firestore operations of this process, by the purpose that each call names; and what the ledger is yet to hear. */
export class OperationMeter {
  #sums: ByCause = {};
  #unreported: UseReport = nothing();

  count(purpose: string, operations: Partial<Operations>): void {
    const counted = { [purpose]: plus(noOperations, { ...noOperations, ...operations }) };
    this.#sums = plusByCause(this.#sums, counted);
    this.#unreported.byCause = plusByCause(this.#unreported.byCause, counted);
  }

  /** Counts the part of it that was spent without a lease. */
  countUnleased(operations: Partial<Operations>): void {
    this.#unreported.unleased = plus(this.#unreported.unleased, { ...noOperations, ...operations });
  }

  warn(warning: QuotaWarning): void {
    this.#unreported.warnings = [...this.#unreported.warnings, warning];
  }

  /** Operations since the start of the process. */
  byCause(): ByCause {
    return this.#sums;
  }

  /** One purpose's, since the start of the process. */
  of(purpose: string): Operations {
    return this.#sums[purpose] ?? noOperations;
  }

  /** Reports what happened since the last drain. */
  drain(): UseReport {
    const report = this.#unreported;
    this.#unreported = nothing();
    return report;
  }

  /** A report did not arrive; it goes with the next. */
  restore(report: UseReport): void {
    const { byCause, unleased, warnings } = this.#unreported;
    this.#unreported = {
      byCause: plusByCause(report.byCause, byCause),
      unleased: plus(report.unleased, unleased),
      warnings: [...report.warnings, ...warnings],
    };
  }
}

function nothing(): UseReport {
  return { byCause: {}, unleased: { ...noOperations }, warnings: [] };
}
