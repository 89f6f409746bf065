import { conditionNotMet } from './errors.ts';
import type { StoredObject } from './object.ts';

/**
 * Checks `ifGenerationMatch`, `ifGenerationNotMatch`, `ifMetagenerationMatch` and `ifMetagenerationNotMatch` against
 * the live object; generation 0 stands for none. Throws 412 (https://cloud.google.com/storage/docs/request-preconditions).
 * `prefix` is `Source` for the source of a copy.
 */
export function checkPreconditions(
  query: URLSearchParams,
  live: StoredObject | undefined,
  prefix = '',
): void {
  const generation = live?.generation ?? 0;
  const metageneration = live?.metageneration ?? 0;
  if (!isMatch(query.get(`if${prefix}GenerationMatch`), generation)) throw conditionNotMet();
  if (!isMatch(query.get(`if${prefix}MetagenerationMatch`), metageneration)) throw conditionNotMet();
  if (isSame(query.get(`if${prefix}GenerationNotMatch`), generation)) throw conditionNotMet();
  if (isSame(query.get(`if${prefix}MetagenerationNotMatch`), metageneration)) throw conditionNotMet();
}

function isMatch(wanted: string | null, actual: number): boolean {
  return wanted === null || Number(wanted) === actual;
}

function isSame(unwanted: string | null, actual: number): boolean {
  return unwanted !== null && Number(unwanted) === actual;
}
