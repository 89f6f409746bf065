import { nameField } from './fields.ts';
import { matchableOperands, operator, unaryOperator } from './filters.ts';
import type { IndexRow, IndexShape } from './indexes.ts';
import { maxDisjunctions } from './limits.ts';
import { placeByCursors, type QueryPlan } from './plan.ts';
import { compareRows, type Examined, matchRow, type Row } from './rows.ts';
import type { Scope } from './scopes.ts';
import { compareTypes, compareValues, isNan, nullValue, type Value } from './values.ts';
import type { FieldFilter, Filter } from './wire.ts';

type Place = (row: IndexRow) => number;

/** A field that the query fixes to one of these values. */
interface FixedField {
  readonly path: string;
  readonly values: readonly Value[];
}

/**
 * The query's results in order, from an index sorted by the fields that it fixes and then by its orders: what it reads
 * grows with what it returns, not with the collection, unless filters remain that no index serves.
 */
export function* indexedRows(scope: Scope, plan: QueryPlan, examined: Examined): Iterable<Row> {
  const fixed = fixedFields(plan);
  const shape: IndexShape = {
    equal: fixed.map(({ path }) => path),
    orders: plan.orders.map(({ path, descending }) => ({ path, descending })),
    nameDescending: plan.nameDescending,
  };
  const index = scope.indexes.get(shape, () => scope.entries());
  const streams = prefixes(fixed).map((prefix) => rowsOf(index.range(placeOf(plan, prefix)), plan, examined));
  const [only, ...others] = streams;
  if (only !== undefined && others.length === 0) yield* only;
  else yield* merge(streams, (a, b) => compareRows(plan, a, b));
}

function* rowsOf(found: Iterable<IndexRow>, plan: QueryPlan, examined: Examined): Generator<Row> {
  for (const { entry } of found) {
    examined.count++;
    const row = matchRow(plan, entry, entry.current);
    if (row !== undefined) yield row;
  }
}

function fixedValues(filter: Filter): FixedField | undefined {
  const { fieldFilter, unaryFilter } = filter;
  if (fieldFilter && fieldFilter.field.fieldPath !== nameField) {
    const path = fieldFilter.field.fieldPath;
    if (fieldFilter.op === operator.equal) return { path, values: [fieldFilter.value ?? nullValue] };
    if (fieldFilter.op === operator.in) return { path, values: distinct(matchableOperands(fieldFilter)) };
  }
  if (unaryFilter && unaryFilter.field.fieldPath !== nameField) {
    const path = unaryFilter.field.fieldPath;
    if (unaryFilter.op === unaryOperator.isNull) return { path, values: [nullValue] };
    if (unaryFilter.op === unaryOperator.isNan)
      return { path, values: [{ kind: 'double', value: Number.NaN }] };
  }
  return undefined;
}

function distinct(values: readonly Value[]): Value[] {
  return values.filter((value, i) => values.findIndex((other) => compareValues(other, value) === 0) === i);
}

/** The fixed fields by name, one filter each, with at most {@link maxDisjunctions} combinations of their values. */
function fixedFields(plan: QueryPlan): FixedField[] {
  const fields = new Map<string, FixedField>();
  let combinations = 1;
  for (const filter of plan.filters) {
    const fixed = fixedValues(filter);
    if (fixed === undefined || fields.has(fixed.path)) continue;
    if (combinations * fixed.values.length > maxDisjunctions) continue;
    combinations *= fixed.values.length;
    fields.set(fixed.path, fixed);
  }
  return [...fields.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function prefixes(fixed: readonly FixedField[]): Value[][] {
  let all: Value[][] = [[]];
  for (const { values } of fixed) all = all.flatMap((prefix) => values.map((value) => [...prefix, value]));
  return all;
}

/** Places an index row against the range that a query wants: negative before, positive after, 0 within. */
function placeOf(plan: QueryPlan, prefix: readonly Value[]): Place {
  const [first] = plan.orders;
  const ranges = first === undefined ? [] : plan.filters.flatMap((filter) => rangeOn(first.path, filter));
  const direction = first?.descending ? -1 : 1;
  return ({ key, entry }) => {
    for (const [i, wanted] of prefix.entries()) {
      const value = key[i];
      const order = value === undefined ? 0 : compareValues(value, wanted);
      if (order !== 0) return order;
    }
    const value = key[prefix.length];
    if (value !== undefined) {
      for (const placeIn of ranges) {
        const place = placeIn(value);
        if (place !== 0) return place * direction;
      }
    }
    return placeByCursors(plan, key.slice(prefix.length), entry);
  };
}

function rangeOn(path: string, { fieldFilter }: Filter): ((value: Value) => number)[] {
  if (fieldFilter?.field.fieldPath !== path) return [];
  const operand = fieldFilter.value ?? nullValue;
  const admits = rangeOf(fieldFilter);
  if (admits === undefined || isNan(operand)) return [];
  const outside =
    fieldFilter.op === operator.lessThan || fieldFilter.op === operator.lessThanOrEqual ? 1 : -1;
  return [
    (value) => {
      const types = compareTypes(value, operand);
      if (types !== 0) return types;
      if (isNan(value)) return -1;
      return admits(compareValues(value, operand)) ? 0 : outside;
    },
  ];
}

function rangeOf({ op }: FieldFilter): ((order: number) => boolean) | undefined {
  switch (op) {
    case operator.lessThan:
      return (order) => order < 0;
    case operator.lessThanOrEqual:
      return (order) => order <= 0;
    case operator.greaterThan:
      return (order) => order > 0;
    case operator.greaterThanOrEqual:
      return (order) => order >= 0;
    default:
      return undefined;
  }
}

/** Merges sorted streams into one. */
function* merge<T>(streams: readonly Generator<T>[], compare: (a: T, b: T) => number): Iterable<T> {
  const heads = streams.map((stream) => ({ stream, next: stream.next() }));
  for (;;) {
    let first: (typeof heads)[number] | undefined;
    let item: T | undefined;
    for (const head of heads) {
      if (head.next.done) continue;
      if (item !== undefined && compare(head.next.value, item) >= 0) continue;
      first = head;
      item = head.next.value;
    }
    if (first === undefined || item === undefined) return;
    yield item;
    first.next = first.stream.next();
  }
}
