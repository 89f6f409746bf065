import { conditionNotMet, invalid } from './errors.ts';
import type { StoredObject } from './object.ts';

/** The versions that conditions name; a bucket has the generation 0. */
type Versions = Pick<StoredObject, 'generation' | 'metageneration'>;

const conditions = [
  'ifGenerationMatch',
  'ifGenerationNotMatch',
  'ifMetagenerationMatch',
  'ifMetagenerationNotMatch',
];

/** A number of the query; undefined where it is not given. Throws 400 for what is none. */
export function readNumber(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (!/^\d{1,19}$/.test(text)) throw invalid(`Invalid value for ${name}: "${text}".`);
  return Number(text);
}

/**
 * Checks `ifGenerationMatch`, `ifGenerationNotMatch`, `ifMetagenerationMatch` and `ifMetagenerationNotMatch` against
 * the live object or bucket; generation 0 stands for none. Throws 400 for what is no number, 412
 * (https://cloud.google.com/storage/docs/request-preconditions). `prefix` is `Source` for the source of a copy.
 */
export function checkPreconditions(query: URLSearchParams, live: Versions | undefined, prefix = ''): void {
  for (const name of conditions) readNumber(query, name.replace('if', `if${prefix}`));
  const generation = live?.generation ?? 0;
  const metageneration = live?.metageneration ?? 0;
  if (!isMatch(query.get(`if${prefix}GenerationMatch`), generation)) throw conditionNotMet();
  if (!isMatch(query.get(`if${prefix}MetagenerationMatch`), metageneration)) throw conditionNotMet();
  if (isSame(query.get(`if${prefix}GenerationNotMatch`), generation)) throw conditionNotMet();
  if (isSame(query.get(`if${prefix}MetagenerationNotMatch`), metageneration)) throw conditionNotMet();
}

/** True where a read is answered 304: the caller has, by `if…NotMatch`, what there is. */
export function isNotModified(query: URLSearchParams, { generation, metageneration }: Versions): boolean {
  return (
    isSame(query.get('ifGenerationNotMatch'), generation) ||
    isSame(query.get('ifMetagenerationNotMatch'), metageneration)
  );
}

function isMatch(wanted: string | null, actual: number): boolean {
  return wanted === null || Number(wanted) === actual;
}

function isSame(unwanted: string | null, actual: number): boolean {
  return unwanted !== null && Number(unwanted) === actual;
}
