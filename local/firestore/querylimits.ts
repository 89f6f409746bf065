import { invalidArgument } from './errors.ts';
import { countDisjunctions, disjuncts, inequalityFields, operator } from './filters.ts';
import { maxDisjunctions, maxInequalityFields, maxNotInValues, maxQueryParts } from './limits.ts';
import type { Filter, StructuredQuery } from './wire.ts';

const arrayOperators = new Set<number>([operator.arrayContains, operator.arrayContainsAny]);
const alternatives = new Set<number>([operator.in, operator.arrayContainsAny]);
const negations = new Set<number>([operator.notEqual, operator.notIn]);

function countParts(filter: Filter | null): number {
  if (filter === null) return 0;
  if (filter.compositeFilter === null) return 1;
  return filter.compositeFilter.filters.reduce((sum, one) => sum + countParts(one), 0);
}

function operatorsOf(filters: readonly Filter[]): number[] {
  return filters.map(({ fieldFilter }) => fieldFilter?.op ?? 0);
}

function count(operators: readonly number[], among: ReadonlySet<number>): number {
  return operators.filter((op) => among.has(op)).length;
}

function checkAlternative(filters: readonly Filter[], isOnly: boolean): void {
  const operators = operatorsOf(filters);
  if (count(operators, arrayOperators) > 1)
    throw invalidArgument('A disjunction has more than one array-contains or array-contains-any.');
  if (count(operators, negations) > 1) throw invalidArgument('A query has more than one != or not-in.');
  if (!operators.includes(operator.notIn)) return;
  if (!isOnly || count(operators, alternatives) > 0)
    throw invalidArgument('not-in cannot be combined with in, array-contains-any or or.');
  for (const { fieldFilter } of filters) {
    if (fieldFilter?.op !== operator.notIn || fieldFilter.value?.kind !== 'array') continue;
    if (fieldFilter.value.values.length > maxNotInValues)
      throw invalidArgument(`not-in takes at most ${maxNotInValues} values.`);
  }
}

/**
 * Refuses what the service refuses (firebase.google.com/docs/firestore/query-data/queries#limitations).
 * @throws StatusError INVALID_ARGUMENT
 */
export function checkQueryLimits({ where, orderBy }: StructuredQuery): void {
  if (countParts(where) + orderBy.length > maxQueryParts)
    throw invalidArgument(`A query has more than ${maxQueryParts} filters and orders.`);
  if (countDisjunctions(where) > maxDisjunctions)
    throw invalidArgument(`A query has more than ${maxDisjunctions} disjunctions.`);
  if (new Set(inequalityFields(where)).size > maxInequalityFields)
    throw invalidArgument(`A query has more than ${maxInequalityFields} fields with inequalities.`);
  const all = disjuncts(where);
  for (const filters of all) checkAlternative(filters, all.length === 1);
}
