import type { QuotaWarning } from './ledgerState.ts';
import { maxUncertainReports, reportIdLength } from './limits.ts';
import { type ByPurpose, noOperations, type Operations, plus, plusByPurpose } from './operations.ts';
import { isNothing, nothingDone, plusUse, type Use, type UseReport } from './use.ts';
import type { CountedWork } from './work.ts';

/**
 * Billed Firestore operations of this process, by the purpose that each call names, and the work that it did; and what
 * the ledger is yet to hear of both.
 */
export class OperationMeter {
  #sums: ByPurpose = {};
  #unreported: Use = nothingDone();
  #uncertain: UseReport[] = [];
  #onWork: () => void = () => {};

  count(purpose: string, operations: Partial<Operations>): void {
    const counted = { [purpose]: plus(noOperations, { ...noOperations, ...operations }) };
    this.#sums = plusByPurpose(this.#sums, counted);
    this.#add({ byPurpose: counted });
  }

  /** Counts the part of it that was spent without a lease. */
  countUnleased(operations: Partial<Operations>): void {
    this.#add({ unleased: { ...noOperations, ...operations } });
  }

  /** Counts work that is done. */
  countWork(work: CountedWork): void {
    this.#add({ work });
    this.#onWork();
  }

  /** Calls this after each work; one listener. */
  onWork(listener: () => void): void {
    this.#onWork = listener;
  }

  /** True where work was done that is not reported. */
  get hasUnreportedWork(): boolean {
    return Object.keys(this.#unreported.work).length > 0;
  }

  warn(warning: QuotaWarning): void {
    this.#add({ warnings: [warning] });
  }

  /** Operations since the start of the process. */
  byPurpose(): ByPurpose {
    return this.#sums;
  }

  /** One purpose's, since the start of the process. */
  of(purpose: string): Operations {
    return this.#sums[purpose] ?? noOperations;
  }

  /** Reports what happened since the last drain, named by this id, and before it what is not known to be recorded. */
  drain(uuid: string): UseReport[] {
    // Its random end: the ledger keeps many.
    const id = uuid.slice(-reportIdLength);
    const reports = [
      ...this.#uncertain,
      ...(isNothing(this.#unreported) ? [] : [{ ...this.#unreported, id }]),
    ];
    this.#unreported = nothingDone();
    this.#uncertain = [];
    return reports;
  }

  /** These reports are surely not recorded: what they tell goes with the next. */
  restore(reports: readonly UseReport[]): void {
    const later = this.#unreported;
    this.#unreported = nothingDone();
    for (const use of [...reports, later]) this.#add(use);
  }

  /** Nobody knows if these reports are recorded: they go with the next as they are, the oldest of too many as new. */
  keep(reports: readonly UseReport[]): void {
    const all = [...this.#uncertain, ...reports];
    this.#uncertain = all.slice(-maxUncertainReports);
    this.restore(all.slice(0, -maxUncertainReports));
  }

  #add(use: Partial<Use>): void {
    this.#unreported = plusUse(this.#unreported, { ...nothingDone(), ...use });
  }
}
