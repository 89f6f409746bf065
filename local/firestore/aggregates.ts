import { invalidArgument } from './errors.ts';
import { fieldGetter, type Getter } from './filters.ts';
import type { Row } from './rows.ts';
import { isNumber, type NumberValue, nullValue, type Value } from './values.ts';
import type { Aggregation } from './wire.ts';

const maxInteger = 2n ** 63n - 1n;
const minInteger = -(2n ** 63n);

function fieldOf(aggregation: Aggregation): string | undefined {
  return (aggregation.sum ?? aggregation.avg)?.field.fieldPath;
}

/** The fields that are summed up or averaged. */
export function aggregatedFields(aggregations: readonly Aggregation[]): string[] {
  return aggregations.map(fieldOf).filter((path) => path !== undefined);
}

function numbersOf(rows: readonly Row[], get: Getter): NumberValue[] {
  return rows
    .map(({ entry, version }) => get(entry, version))
    .filter((value) => value !== undefined && isNumber(value));
}

/** Integers add up exactly; with a double among them, or past 64 bits, the sum is a double. */
function sumOf(numbers: readonly NumberValue[]): NumberValue {
  let integers = 0n;
  let doubles = 0;
  for (const number of numbers) {
    if (number.kind === 'integer') integers += number.value;
    else doubles += number.value;
  }
  const exact =
    numbers.every(({ kind }) => kind === 'integer') && integers <= maxInteger && integers >= minInteger;
  if (exact) return { kind: 'integer', value: integers };
  return { kind: 'double', value: Number(integers) + doubles };
}

function averageOf(numbers: readonly NumberValue[]): Value {
  if (numbers.length === 0) return nullValue;
  return { kind: 'double', value: Number(sumOf(numbers).value) / numbers.length };
}

function countOf(rows: readonly Row[], { count }: Aggregation): Value {
  const upTo = count?.upTo?.value.toNumber() ?? Number.POSITIVE_INFINITY;
  return { kind: 'integer', value: BigInt(Math.min(rows.length, upTo)) };
}

function aggregate(rows: readonly Row[], aggregation: Aggregation): Value {
  const field = fieldOf(aggregation);
  if (field === undefined) return countOf(rows, aggregation);
  const numbers = numbersOf(rows, fieldGetter(field));
  return aggregation.operator === 'sum' ? sumOf(numbers) : averageOf(numbers);
}

/**
 * The aggregates of a query's rows by alias. As in the service, a document counts only if it has every field that the
 * request aggregates over.
 * @throws StatusError INVALID_ARGUMENT for an aggregation without an operator.
 */
export function aggregateRows(
  rows: readonly Row[],
  aggregations: readonly Aggregation[],
): Record<string, Value> {
  if (aggregations.some(({ operator }) => operator === undefined))
    throw invalidArgument('An aggregation has no operator.');
  const getters = aggregatedFields(aggregations).map(fieldGetter);
  const counted = rows.filter(({ entry, version }) =>
    getters.every((get) => get(entry, version) !== undefined),
  );
  return Object.fromEntries(
    aggregations.map((aggregation, i) => [
      aggregation.alias || `field_${i + 1}`,
      aggregate(counted, aggregation),
    ]),
  );
}
