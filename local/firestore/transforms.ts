import { invalidArgument } from './errors.ts';
import {
  compareNumbers,
  compareValues,
  isNumber,
  type NumberValue,
  nullValue,
  type Value,
} from './values.ts';
import type { FieldTransform } from './wire.ts';

const maxInteger = 2n ** 63n - 1n;
const minInteger = -(2n ** 63n);

interface Transformed {
  /** The field's new value. */
  readonly value: Value;
  /** The result that the client is told. */
  readonly result: Value;
}

function operand(value: Value | null): NumberValue {
  if (value !== null && isNumber(value)) return value;
  throw invalidArgument('A numeric transform needs an integer or a double.');
}

/** Integers stop at the ends of 64 bits; with a double on either side the sum is a double. */
function add(a: NumberValue, b: NumberValue): NumberValue {
  if (a.kind === 'double' || b.kind === 'double') {
    return { kind: 'double', value: Number(a.value) + Number(b.value) };
  }
  const sum = a.value + b.value;
  return { kind: 'integer', value: sum > maxInteger ? maxInteger : sum < minInteger ? minInteger : sum };
}

function elements(value: Value | undefined): readonly Value[] {
  return value?.kind === 'array' ? value.values : [];
}

function contains(list: readonly Value[], value: Value): boolean {
  return list.some((one) => compareValues(one, value) === 0);
}

function union(current: readonly Value[], added: readonly Value[]): Value {
  const values = [...current];
  for (const value of added) if (!contains(values, value)) values.push(value);
  return { kind: 'array', values };
}

function difference(current: readonly Value[], removed: readonly Value[]): Value {
  return { kind: 'array', values: current.filter((value) => !contains(removed, value)) };
}

/**
 * One field transform over what the field holds (undefined when it is missing).
 * @throws StatusError INVALID_ARGUMENT for an unknown transform or an operand that is no number.
 */
export function transformField(
  current: Value | undefined,
  transform: FieldTransform,
  requestTime: Value,
): Transformed {
  const number = current !== undefined && isNumber(current) ? current : undefined;
  const told = (value: Value) => ({ value, result: value });
  switch (transform.transformType) {
    case 'setToServerValue':
      return told(requestTime);
    case 'increment': {
      const by = operand(transform.increment);
      return told(number === undefined ? by : add(number, by));
    }
    case 'maximum': {
      const other = operand(transform.maximum);
      return told(number !== undefined && compareNumbers(number, other) >= 0 ? number : other);
    }
    case 'minimum': {
      const other = operand(transform.minimum);
      return told(number !== undefined && compareNumbers(number, other) <= 0 ? number : other);
    }
    case 'appendMissingElements':
      return { value: union(elements(current), transform.appendMissingElements ?? []), result: nullValue };
    case 'removeAllFromArray':
      return { value: difference(elements(current), transform.removeAllFromArray ?? []), result: nullValue };
    default:
      throw invalidArgument(`The transform of "${transform.fieldPath}" has no type.`);
  }
}
