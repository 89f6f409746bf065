import { type Entry, versionAt } from './entries.ts';
import { nameField } from './fields.ts';
import { matchableOperands, operator } from './filters.ts';
import { indexedRows } from './indexscan.ts';
import { childPath } from './names.ts';
import type { QueryPlan } from './plan.ts';
import { compareRows, type Examined, matchRow, type Row } from './rows.ts';
import type { Scope } from './scopes.ts';
import type { DocumentStore } from './store.ts';
import type { Micros } from './times.ts';
import type { Filter } from './wire.ts';

/** Below this many documents, going over all of them is cheaper than keeping an index. */
const minIndexedDocuments = 256;

export interface QueryResult {
  readonly rows: readonly Row[];
  /** Matching documents passed over because of the offset. They are billed. */
  readonly skipped: number;
}

/** Runs a query over the documents as they are now, or were at a time. */
export function runQuery(
  store: DocumentStore,
  plan: QueryPlan,
  at: Micros | undefined,
  examined: Examined,
): QueryResult {
  const rows: Row[] = [];
  let skipped = 0;
  if (plan.limit === 0) return { rows, skipped };
  for (const row of orderedRows(store, plan, at, examined)) {
    if (skipped < plan.offset) skipped++;
    else rows.push(row);
    if (rows.length >= plan.limit) break;
  }
  return { rows, skipped };
}

function orderedRows(
  store: DocumentStore,
  plan: QueryPlan,
  at: Micros | undefined,
  examined: Examined,
): Iterable<Row> {
  const named = entriesByName(store, plan);
  if (named !== undefined) return sortedRows(named, plan, at, examined);
  const scope = scopeOf(store, plan);
  if (scope === undefined) return sortedRows(entriesUnder(store, plan), plan, at, examined);
  const current = at === undefined || scope.changedAt <= at;
  if (current && scope.live >= minIndexedDocuments) return indexedRows(scope, plan, examined);
  return sortedRows(scope.entries(), plan, at, examined);
}

/**
 * The collection or collection group that the query ranges over; undefined when it names no
 * collection id or an unknown one.
 */
function scopeOf(store: DocumentStore, plan: QueryPlan): Scope | undefined {
  if (plan.collectionId === '') return undefined;
  if (plan.allDescendants) return store.group(plan.collectionId);
  return store.collection(childPath(plan.parent, plan.collectionId));
}

function* entriesUnder(store: DocumentStore, plan: QueryPlan): Iterable<Entry> {
  if (plan.collectionId !== '') return;
  for (const collection of store.collections()) yield* collection.entries();
}

/** The only entries that can match when the query fixes the documents' names. */
function entriesByName(store: DocumentStore, plan: QueryPlan): Entry[] | undefined {
  for (const filter of plan.filters) {
    const names = fixedNames(filter);
    if (names === undefined) continue;
    const paths = new Set(names.map((name) => name.split('/').slice(5).join('/')));
    return [...paths].map((path) => store.entry(path)).filter((entry) => entry !== undefined);
  }
  return undefined;
}

function fixedNames({ fieldFilter }: Filter): string[] | undefined {
  if (fieldFilter?.field.fieldPath !== nameField) return undefined;
  const { op, value } = fieldFilter;
  const values =
    op === operator.in ? matchableOperands(fieldFilter) : op === operator.equal ? [value] : undefined;
  return values?.map((one) => (one?.kind === 'reference' ? one.value : ''));
}

function sortedRows(
  entries: Iterable<Entry>,
  plan: QueryPlan,
  at: Micros | undefined,
  examined: Examined,
): Row[] {
  const rows: Row[] = [];
  for (const entry of entries) {
    examined.count++;
    const row = matchRow(plan, entry, versionAt(entry, at));
    if (row !== undefined) rows.push(row);
  }
  return rows.sort((a, b) => compareRows(plan, a, b));
}
