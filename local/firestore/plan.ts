import { checkComplete } from './completeness.ts';
import type { Entry } from './entries.ts';
import { invalidArgument, StatusError, status } from './errors.ts';
import { nameField } from './fields.ts';
import {
  compileFilter,
  conjuncts,
  fieldGetter,
  type Getter,
  inequalityFields,
  type Matcher,
} from './filters.ts';
import { checkCollectionId, compareNames } from './names.ts';
import { checkQueryLimits } from './querylimits.ts';
import { compareUtf8 } from './strings.ts';
import { compareValues, type Value } from './values.ts';
import type { Cursor, Filter, StructuredQuery } from './wire.ts';

interface PlannedOrder {
  readonly path: string;
  readonly descending: boolean;
  readonly get: Getter;
}

/** A checked query, with everything the service adds to it made explicit. */
export interface QueryPlan {
  /** Path of the document that the collections lie under; `''` is the root. */
  readonly parent: string;
  /** `''` for every collection id. */
  readonly collectionId: string;
  readonly allDescendants: boolean;
  /** All of them must hold. */
  readonly filters: readonly Filter[];
  readonly where: Filter | null;
  readonly matches: Matcher;
  /** The fields that order the results; the document's name comes last and decides between equals. */
  readonly orders: readonly PlannedOrder[];
  readonly nameDescending: boolean;
  readonly startAt: Cursor | null;
  readonly endAt: Cursor | null;
  readonly offset: number;
  readonly limit: number;
  /** The fields to return, or undefined for all. */
  readonly select: readonly string[] | undefined;
}

const descending = 2;

function plannedOrders(query: StructuredQuery): Pick<QueryPlan, 'orders' | 'nameDescending'> {
  const wanted = query.orderBy.map(({ field, direction }) => ({
    path: field.fieldPath,
    descending: direction === descending,
  }));
  const lastDescending = wanted.at(-1)?.descending ?? false;
  const named = new Set(wanted.map(({ path }) => path));
  for (const path of [...new Set(inequalityFields(query.where))].sort(compareUtf8)) {
    if (!named.has(path) && path !== nameField) wanted.push({ path, descending: lastDescending });
  }
  const name = wanted.findIndex(({ path }) => path === nameField);
  const orders = name === -1 ? wanted : wanted.slice(0, name);
  return {
    orders: orders.map((order) => ({ ...order, get: fieldGetter(order.path) })),
    nameDescending: wanted[name]?.descending ?? lastDescending,
  };
}

function checkedCursor(cursor: Cursor | null, orders: number): Cursor | null {
  if (cursor === null || cursor.values.length === 0) return null;
  if (cursor.values.length > orders)
    throw invalidArgument('A cursor has more values than the query has orders.');
  return cursor;
}

/**
 * Checks a query and completes it.
 * @throws StatusError INVALID_ARGUMENT; UNIMPLEMENTED for vector search.
 */
export function planQuery(parent: string, query: StructuredQuery | null): QueryPlan {
  if (query === null) throw invalidArgument('The request has no query.');
  const [from, ...others] = query.from;
  if (from === undefined || others.length > 0)
    throw invalidArgument('A query ranges over exactly one collection.');
  if (query.findNearest !== null) {
    throw new StatusError(status.unimplemented, 'Vector search is not supported.');
  }
  checkComplete(query);
  checkQueryLimits(query);
  if (from.collectionId !== '') checkCollectionId(from.collectionId);
  const limit = query.limit?.value ?? Number.POSITIVE_INFINITY;
  if (limit < 0 || query.offset < 0) throw invalidArgument('Limit and offset must not be negative.');
  const { orders, nameDescending } = plannedOrders(query);
  return {
    parent,
    collectionId: from.collectionId,
    allDescendants: from.allDescendants,
    filters: conjuncts(query.where),
    where: query.where,
    matches: compileFilter(query.where),
    orders,
    nameDescending,
    startAt: checkedCursor(query.startAt, orders.length + 1),
    endAt: checkedCursor(query.endAt, orders.length + 1),
    offset: query.offset,
    limit,
    select: query.select === null ? undefined : query.select.fields.map(({ fieldPath }) => fieldPath),
  };
}

/** Places a row against the plan's cursors: negative before the first, positive past the last, else 0. */
export function placeByCursors(plan: QueryPlan, key: readonly Value[], entry: Entry): number {
  const { startAt, endAt } = plan;
  if (startAt !== null) {
    const order = compareToCursor(plan, key, entry, startAt);
    if (order < 0 || (order === 0 && !startAt.before)) return -1;
  }
  if (endAt !== null) {
    const order = compareToCursor(plan, key, entry, endAt);
    if (order > 0 || (order === 0 && endAt.before)) return 1;
  }
  return 0;
}

function compareToCursor(plan: QueryPlan, key: readonly Value[], entry: Entry, cursor: Cursor): number {
  for (const [i, bound] of cursor.values.entries()) {
    const value = key[i];
    const down = plan.orders[i]?.descending ?? plan.nameDescending;
    const order = value === undefined ? compareToName(entry, bound) : compareValues(value, bound);
    if (order !== 0) return down ? -order : order;
  }
  return 0;
}

function compareToName(entry: Entry, bound: Value): number {
  if (bound.kind !== 'reference')
    throw invalidArgument(`A cursor value for ${nameField} must be a reference.`);
  return compareNames(entry.name, bound.value);
}
