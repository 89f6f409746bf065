import { compareEntries, type DocumentVersion, type Entry } from './entries.ts';
import { childPath } from './names.ts';
import { placeByCursors, type QueryPlan } from './plan.ts';
import { compareValues, type Value } from './values.ts';

/** A document among a query's results. */
export interface Row {
  readonly entry: Entry;
  readonly version: DocumentVersion;
  /** The values of the plan's orders. */
  readonly key: readonly Value[];
}

/** Counts the documents and index entries that queries look at. */
export interface Examined {
  count: number;
}

/** True where the document lies in the range of the query. */
export function isInRange(plan: QueryPlan, entry: Entry): boolean {
  const { collection } = entry;
  if (plan.collectionId !== '' && collection.id !== plan.collectionId) return false;
  if (!plan.allDescendants) return collection.path === childPath(plan.parent, collection.id);
  return plan.parent === '' || entry.path.startsWith(`${plan.parent}/`);
}

/** The row of a document if the query wants it. */
export function matchRow(
  plan: QueryPlan,
  entry: Entry,
  version: DocumentVersion | undefined,
): Row | undefined {
  if (version === undefined || !isInRange(plan, entry) || !plan.matches(entry, version)) return undefined;
  const key: Value[] = [];
  for (const order of plan.orders) {
    const value = order.get(entry, version);
    if (value === undefined) return undefined;
    key.push(value);
  }
  return placeByCursors(plan, key, entry) === 0 ? { entry, version, key } : undefined;
}

/** The order of the query's results. */
export function compareRows(plan: QueryPlan, a: Row, b: Row): number {
  for (const [i, x] of a.key.entries()) {
    const y = b.key[i];
    const order = y === undefined ? 0 : compareValues(x, y);
    if (order !== 0) return plan.orders[i]?.descending ? -order : order;
  }
  const order = compareEntries(a.entry, b.entry);
  return plan.nameDescending ? -order : order;
}
