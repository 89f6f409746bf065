import type { DocumentVersion, Entry } from './entries.ts';
import { invalidArgument } from './errors.ts';
import { getField, nameField, parseFieldPath } from './fields.ts';
import { maxDisjunctions } from './limits.ts';
import { compareTypes, compareValues, isNan, nullValue, type Value } from './values.ts';
import type { FieldFilter, Filter, UnaryFilter } from './wire.ts';

/** Reads a field, or `__name__`, of a document; undefined when the document lacks it. */
export type Getter = (entry: Entry, version: DocumentVersion) => Value | undefined;
export type Matcher = (entry: Entry, version: DocumentVersion) => boolean;
type Test = (value: Value) => boolean;

/** StructuredQuery.FieldFilter.Operator */
export const operator = {
  lessThan: 1,
  lessThanOrEqual: 2,
  greaterThan: 3,
  greaterThanOrEqual: 4,
  equal: 5,
  notEqual: 6,
  arrayContains: 7,
  in: 8,
  arrayContainsAny: 9,
  notIn: 10,
} as const;

/** StructuredQuery.UnaryFilter.Operator */
export const unaryOperator = { isNan: 2, isNull: 3, isNotNan: 4, isNotNull: 5 } as const;

/** StructuredQuery.CompositeFilter.Operator */
const compositeOr = 2;

const inequalities = new Set<number>([
  operator.lessThan,
  operator.lessThanOrEqual,
  operator.greaterThan,
  operator.greaterThanOrEqual,
  operator.notEqual,
  operator.notIn,
]);

export function fieldGetter(path: string): Getter {
  if (path === nameField) return (entry) => ({ kind: 'reference', value: entry.name });
  const names = parseFieldPath(path);
  return (_, version) => getField(version.fields, names);
}

/** The filters that must all hold: a conjunction taken apart, anything else as it is. */
export function conjuncts(filter: Filter | null): Filter[] {
  if (filter === null) return [];
  const composite = filter.compositeFilter;
  if (composite === null || composite.op === compositeOr) return [filter];
  return composite.filters.flatMap(conjuncts);
}

/** The alternatives of a filter, each a list of filters that must all hold: `in` and its like stay whole. */
export function disjuncts(filter: Filter | null): Filter[][] {
  if (filter === null) return [[]];
  const composite = filter.compositeFilter;
  if (composite === null) return [[filter]];
  const parts = composite.filters.map(disjuncts);
  if (composite.op === compositeOr) return parts.flat();
  return parts.reduce((all, part) => all.flatMap((one) => part.map((other) => [...one, ...other])), [[]]);
}

/** Counts the alternatives of a filter, with those of `in` and its like: the service limits this number. */
export function countDisjunctions(filter: Filter | null): number {
  const composite = filter?.compositeFilter;
  if (composite) {
    const counts = composite.filters.map(countDisjunctions);
    if (composite.op === compositeOr) return counts.reduce((sum, count) => sum + count, 0);
    return counts.reduce((product, count) => product * count, 1);
  }
  const { op, value } = filter?.fieldFilter ?? {};
  if (op !== operator.in && op !== operator.arrayContainsAny) return 1;
  return value?.kind === 'array' ? value.values.length : 1;
}

/**
 * Fields that a filter compares by anything but equality, in no order. They are sorted by even if
 * the query does not say so.
 */
export function inequalityFields(filter: Filter | null): string[] {
  if (filter?.compositeFilter) return filter.compositeFilter.filters.flatMap(inequalityFields);
  if (filter?.fieldFilter) {
    const { op, field } = filter.fieldFilter;
    return inequalities.has(op) ? [field.fieldPath] : [];
  }
  if (filter?.unaryFilter) {
    const { op, field } = filter.unaryFilter;
    return op === unaryOperator.isNotNan || op === unaryOperator.isNotNull ? [field.fieldPath] : [];
  }
  return [];
}

/** The values of an `in`, `not-in` or `array-contains-any` filter. */
function listOperand(filter: FieldFilter): readonly Value[] {
  const values = filter.value?.kind === 'array' ? filter.value.values : [];
  if (values.length === 0 || values.length > maxDisjunctions) {
    throw invalidArgument(`A filter over a list takes 1 to ${maxDisjunctions} values.`);
  }
  return values;
}

function among(list: readonly Value[], value: Value): boolean {
  return list.some((one) => compareValues(one, value) === 0);
}

/** Ranges hold only within one type, and NaN is in no range of numbers. */
function rangeTest(operand: Value, holds: (order: number) => boolean): Test {
  return (value) =>
    compareTypes(value, operand) === 0 &&
    isNan(value) === isNan(operand) &&
    holds(compareValues(value, operand));
}

function elementsTest(list: readonly Value[]): Test {
  return (value) => value.kind === 'array' && value.values.some((element) => among(list, element));
}

function fieldTest(filter: FieldFilter): Test {
  const operand = filter.value ?? nullValue;
  switch (filter.op) {
    case operator.lessThan:
      return rangeTest(operand, (order) => order < 0);
    case operator.lessThanOrEqual:
      return rangeTest(operand, (order) => order <= 0);
    case operator.greaterThan:
      return rangeTest(operand, (order) => order > 0);
    case operator.greaterThanOrEqual:
      return rangeTest(operand, (order) => order >= 0);
    case operator.equal:
      return (value) => compareValues(value, operand) === 0;
    case operator.notEqual:
      return (value) => value.kind !== 'null' && compareValues(value, operand) !== 0;
    case operator.arrayContains:
      return elementsTest([operand]);
    case operator.arrayContainsAny:
      return elementsTest(listOperand(filter));
    case operator.in: {
      const list = matchableOperands(filter);
      return (value) => among(list, value);
    }
    case operator.notIn: {
      const list = listOperand(filter);
      const nothing = list.some((one) => one.kind === 'null');
      return (value) => !nothing && value.kind !== 'null' && !among(list, value);
    }
    default:
      throw invalidArgument(`Unknown filter operator ${filter.op}.`);
  }
}

/** The values an `in` filter can match: null and NaN are equal to nothing there. */
export function matchableOperands(filter: FieldFilter): Value[] {
  return listOperand(filter).filter((value) => value.kind !== 'null' && !isNan(value));
}

function unaryTest(filter: UnaryFilter): Test {
  switch (filter.op) {
    case unaryOperator.isNan:
      return isNan;
    case unaryOperator.isNull:
      return (value) => value.kind === 'null';
    case unaryOperator.isNotNan:
      return (value) => !isNan(value) && value.kind !== 'null';
    case unaryOperator.isNotNull:
      return (value) => value.kind !== 'null';
    default:
      throw invalidArgument(`Unknown unary operator ${filter.op}.`);
  }
}

function matcherOf(path: string, test: Test): Matcher {
  const get = fieldGetter(path);
  return (entry, version) => {
    const value = get(entry, version);
    return value !== undefined && test(value);
  };
}

/**
 * Compiles a filter.
 * @throws StatusError INVALID_ARGUMENT for unknown operators, a list of no or too many values, or an empty filter.
 */
export function compileFilter(filter: Filter | null): Matcher {
  if (filter === null) return () => true;
  if (filter.compositeFilter) {
    const matchers = filter.compositeFilter.filters.map(compileFilter);
    if (filter.compositeFilter.op === compositeOr) {
      return (entry, version) => matchers.some((matches) => matches(entry, version));
    }
    return (entry, version) => matchers.every((matches) => matches(entry, version));
  }
  if (filter.fieldFilter) return matcherOf(filter.fieldFilter.field.fieldPath, fieldTest(filter.fieldFilter));
  if (filter.unaryFilter) return matcherOf(filter.unaryFilter.field.fieldPath, unaryTest(filter.unaryFilter));
  throw invalidArgument('A filter has no type.');
}
