import { invalidArgument } from './errors.ts';
import { maxAggregations } from './limits.ts';
import type { Aggregation, FieldReference, Filter, StructuredQuery } from './wire.ts';

/** The messages' types say that fields are named; the wire does not. */
function checkReference(reference: FieldReference | null): void {
  if (reference === null || reference.fieldPath === '')
    throw invalidArgument('A query names no field where it must.');
}

function checkFilter({ compositeFilter, fieldFilter, unaryFilter }: Filter): void {
  for (const filter of compositeFilter?.filters ?? []) checkFilter(filter);
  const simple = fieldFilter ?? unaryFilter;
  if (simple !== null) checkReference(simple.field);
}

/**
 * Refuses a query that leaves out what the API requires, so that the rest of the code may rely on it.
 * @throws StatusError INVALID_ARGUMENT
 */
export function checkComplete({ select, where, orderBy }: StructuredQuery): void {
  for (const field of select?.fields ?? []) checkReference(field);
  for (const { field } of orderBy) checkReference(field);
  if (where !== null) checkFilter(where);
}

/** {@link checkComplete} for aggregations. */
export function checkAggregations(aggregations: readonly Aggregation[]): void {
  if (aggregations.length === 0) throw invalidArgument('A request has no aggregations.');
  if (aggregations.length > maxAggregations)
    throw invalidArgument(`A request has more than the maximum number of aggregations, ${maxAggregations}.`);
  for (const { sum, avg } of aggregations) {
    const over = sum ?? avg;
    if (over !== null) checkReference(over.field);
  }
}
