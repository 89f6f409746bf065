import type { QuotaWarning } from './ledgerState.ts';
import {
  type ByPurpose,
  billedTypes,
  noOperations,
  type Operations,
  plus,
  plusByPurpose,
} from './operations.ts';
import { noWork, plusWork, type Work } from './work.ts';

/** The operations and the work that a holder did. */
export interface Use {
  byPurpose: ByPurpose;
  /** The part of it that no lease covers: cleanup's first reads. */
  unleased: Operations;
  work: Work;
  warnings: readonly QuotaWarning[];
}

/** A report of use. It is counted once, however often it is sent: by its id. */
export interface UseReport extends Use {
  id: string;
}

/** Use of nothing. */
export function nothingDone(): Use {
  return { byPurpose: {}, unleased: { ...noOperations }, work: noWork, warnings: [] };
}

/** Joins use, the earlier first. */
export function plusUse(a: Use, b: Use): Use {
  return {
    byPurpose: plusByPurpose(a.byPurpose, b.byPurpose),
    unleased: plus(a.unleased, b.unleased),
    work: plusWork(a.work, b.work),
    warnings: [...a.warnings, ...b.warnings],
  };
}

export function isNothing({ byPurpose, unleased, work, warnings }: Use): boolean {
  const hasUnleased = billedTypes.some((type) => unleased[type] > 0);
  return !hasUnleased && Object.keys({ ...byPurpose, ...work }).length + warnings.length === 0;
}
