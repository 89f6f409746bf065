import type { UseReport } from './ledgerRequest.ts';
import type { QuotaWarning } from './ledgerState.ts';
import { type ByPurpose, noOperations, type Operations, plus, plusByPurpose } from './operations.ts';

/**
 * Billed Firestore operations of this process, by the purpose that each call names; and what the ledger is yet to hear.
 */
export class OperationMeter {
  #sums: ByPurpose = {};
  #unreported: UseReport = nothing();

  count(purpose: string, operations: Partial<Operations>): void {
    const counted = { [purpose]: plus(noOperations, { ...noOperations, ...operations }) };
    this.#sums = plusByPurpose(this.#sums, counted);
    this.#unreported.byPurpose = plusByPurpose(this.#unreported.byPurpose, counted);
  }

  /** Counts the part of it that was spent without a lease. */
  countUnleased(operations: Partial<Operations>): void {
    this.#unreported.unleased = plus(this.#unreported.unleased, { ...noOperations, ...operations });
  }

  warn(warning: QuotaWarning): void {
    this.#unreported.warnings = [...this.#unreported.warnings, warning];
  }

  /** Operations since the start of the process. */
  byPurpose(): ByPurpose {
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
    const { byPurpose, unleased, warnings } = this.#unreported;
    this.#unreported = {
      byPurpose: plusByPurpose(report.byPurpose, byPurpose),
      unleased: plus(report.unleased, unleased),
      warnings: [...report.warnings, ...warnings],
    };
  }
}

function nothing(): UseReport {
  return { byPurpose: {}, unleased: { ...noOperations }, warnings: [] };
}
