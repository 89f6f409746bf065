/**
 * A model of queries, as plain as it can be and sharing no code with the engine: go over all documents, keep those
 * that match, sort, cut. Values are those of the API in JSON.
 */
export interface ModelValue {
  nullValue?: 'NULL_VALUE';
  booleanValue?: boolean;
  integerValue?: string;
  doubleValue?: number;
  timestampValue?: { seconds: number; nanos: number };
  stringValue?: string;
  bytesValue?: Buffer;
  referenceValue?: string;
  geoPointValue?: { latitude: number; longitude: number };
  arrayValue?: { values: ModelValue[] };
  mapValue?: { fields: ModelFields };
}

export type ModelFields = { [name: string]: ModelValue };

export interface ModelDocument {
  readonly name: string;
  readonly fields: ModelFields;
}

export type FieldOperator =
  | 'LESS_THAN'
  | 'LESS_THAN_OR_EQUAL'
  | 'GREATER_THAN'
  | 'GREATER_THAN_OR_EQUAL'
  | 'EQUAL'
  | 'NOT_EQUAL'
  | 'ARRAY_CONTAINS'
  | 'IN'
  | 'ARRAY_CONTAINS_ANY'
  | 'NOT_IN';

export interface ModelFilter {
  fieldFilter?: { field: { fieldPath: string }; op: FieldOperator; value: ModelValue };
  unaryFilter?: { field: { fieldPath: string }; op: 'IS_NULL' | 'IS_NAN' | 'IS_NOT_NULL' | 'IS_NOT_NAN' };
  compositeFilter?: { op: 'AND' | 'OR'; filters: ModelFilter[] };
}

export interface ModelOrder {
  readonly field: { fieldPath: string };
  readonly direction: 'ASCENDING' | 'DESCENDING';
}

export interface ModelCursor {
  readonly values: ModelValue[];
  readonly before: boolean;
}

export interface ModelQuery {
  readonly where?: ModelFilter;
  readonly orderBy: ModelOrder[];
  readonly startAt?: ModelCursor;
  readonly endAt?: ModelCursor;
  readonly offset: number;
  readonly limit?: { value: number };
}

const kinds = [
  'nullValue',
  'booleanValue',
  'integerValue',
  'doubleValue',
  'timestampValue',
  'stringValue',
  'bytesValue',
  'referenceValue',
  'geoPointValue',
  'arrayValue',
  'mapValue',
] as const;

/** Integers and doubles are one type. */
function typeOf(value: ModelValue): number {
  const at = kinds.findIndex((kind) => value[kind] !== undefined);
  return kinds[at] === 'doubleValue' ? at - 1 : at;
}

function compareBytes(a: Uint8Array | string, b: Uint8Array | string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function compareInTurn<T>(a: readonly T[], b: readonly T[], compare: (x: T, y: T) => number): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = compare(a[i] as T, b[i] as T);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareNumbers(a: ModelValue, b: ModelValue): number {
  const [x, y] = [a, b].map(({ integerValue, doubleValue = 0 }) =>
    integerValue === undefined ? doubleValue : BigInt(integerValue),
  ) as [number | bigint, number | bigint];
  if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(y)) - Number(Number.isNaN(x));
  return x < y ? -1 : x > y ? 1 : 0;
}

function compareModel(a: ModelValue, b: ModelValue): number {
  const type = typeOf(a);
  if (type !== typeOf(b)) return type - typeOf(b);
  switch (kinds[type]) {
    case 'booleanValue':
      return Number(a.booleanValue) - Number(b.booleanValue);
    case 'integerValue':
      return compareNumbers(a, b);
    case 'timestampValue': {
      const [x, y] = [a.timestampValue, b.timestampValue];
      return (x?.seconds ?? 0) - (y?.seconds ?? 0) || (x?.nanos ?? 0) - (y?.nanos ?? 0);
    }
    case 'stringValue':
      return compareBytes(a.stringValue ?? '', b.stringValue ?? '');
    case 'bytesValue':
      return compareBytes(a.bytesValue ?? '', b.bytesValue ?? '');
    case 'referenceValue':
      return compareInTurn(
        (a.referenceValue ?? '').split('/'),
        (b.referenceValue ?? '').split('/'),
        compareBytes,
      );
    case 'geoPointValue': {
      const [x, y] = [a.geoPointValue, b.geoPointValue];
      return (x?.latitude ?? 0) - (y?.latitude ?? 0) || (x?.longitude ?? 0) - (y?.longitude ?? 0);
    }
    case 'arrayValue':
      return compareInTurn(a.arrayValue?.values ?? [], b.arrayValue?.values ?? [], compareModel);
    case 'mapValue': {
      const sorted = ({ mapValue }: ModelValue) =>
        Object.entries(mapValue?.fields ?? {}).sort(([x], [y]) => compareBytes(x, y));
      return compareInTurn(
        sorted(a),
        sorted(b),
        ([x, v], [y, w]) => compareBytes(x, y) || compareModel(v, w),
      );
    }
    default:
      return 0;
  }
}

function fieldOf({ name, fields }: ModelDocument, path: string): ModelValue | undefined {
  if (path === '__name__') return { referenceValue: name };
  const [first = '', ...rest] = path.split('.');
  return rest.reduce<ModelValue | undefined>((value, key) => value?.mapValue?.fields[key], fields[first]);
}

function isNan({ doubleValue }: ModelValue): boolean {
  return Number.isNaN(doubleValue);
}

function holds(op: FieldOperator, value: ModelValue, operand: ModelValue): boolean {
  const equals = (one: ModelValue, other: ModelValue) => compareModel(one, other) === 0;
  const list = operand.arrayValue?.values ?? [];
  const elements = value.arrayValue?.values ?? [];
  const isComparable = typeOf(value) === typeOf(operand) && !isNan(value);
  switch (op) {
    case 'LESS_THAN':
      return isComparable && compareModel(value, operand) < 0;
    case 'LESS_THAN_OR_EQUAL':
      return isComparable && compareModel(value, operand) <= 0;
    case 'GREATER_THAN':
      return isComparable && compareModel(value, operand) > 0;
    case 'GREATER_THAN_OR_EQUAL':
      return isComparable && compareModel(value, operand) >= 0;
    case 'EQUAL':
      return equals(value, operand);
    case 'NOT_EQUAL':
      return value.nullValue === undefined && !equals(value, operand);
    case 'ARRAY_CONTAINS':
      return elements.some((element) => equals(element, operand));
    case 'IN':
      return list.some((one) => equals(one, value));
    case 'ARRAY_CONTAINS_ANY':
      return elements.some((element) => list.some((one) => equals(one, element)));
    case 'NOT_IN':
      return value.nullValue === undefined && !list.some((one) => equals(one, value));
  }
}

function matches(document: ModelDocument, filter: ModelFilter | undefined): boolean {
  if (filter === undefined) return true;
  const { compositeFilter, fieldFilter, unaryFilter } = filter;
  if (compositeFilter?.op === 'AND') return compositeFilter.filters.every((one) => matches(document, one));
  if (compositeFilter?.op === 'OR') return compositeFilter.filters.some((one) => matches(document, one));
  const value = fieldOf(document, (fieldFilter ?? unaryFilter)?.field.fieldPath ?? '');
  if (value === undefined) return false;
  if (fieldFilter !== undefined) return holds(fieldFilter.op, value, fieldFilter.value);
  const isNull = value.nullValue !== undefined;
  if (unaryFilter?.op === 'IS_NULL') return isNull;
  if (unaryFilter?.op === 'IS_NAN') return isNan(value);
  return !isNull && (unaryFilter?.op === 'IS_NOT_NULL' || !isNan(value));
}

const inequalities: readonly string[] = [
  'LESS_THAN',
  'LESS_THAN_OR_EQUAL',
  'GREATER_THAN',
  'GREATER_THAN_OR_EQUAL',
  'NOT_EQUAL',
  'NOT_IN',
  'IS_NOT_NULL',
  'IS_NOT_NAN',
];

function inequalityPaths(filter: ModelFilter | undefined): string[] {
  if (filter?.compositeFilter !== undefined) return filter.compositeFilter.filters.flatMap(inequalityPaths);
  const { op, field } = filter?.fieldFilter ?? filter?.unaryFilter ?? {};
  return op !== undefined && field !== undefined && inequalities.includes(op) ? [field.fieldPath] : [];
}

/** The orders of a query with those that go without saying: of compared fields, and of the name. */
export function allOrders({ where, orderBy }: Pick<ModelQuery, 'where' | 'orderBy'>): ModelOrder[] {
  const direction = orderBy.at(-1)?.direction ?? 'ASCENDING';
  const named = new Set(orderBy.map(({ field }) => field.fieldPath));
  const implied = [...new Set(inequalityPaths(where))]
    .filter((path) => path !== '__name__' && !named.has(path))
    .sort(compareBytes);
  const all = [...orderBy, ...implied.map((fieldPath) => ({ field: { fieldPath }, direction }))];
  const nameAt = all.findIndex(({ field }) => field.fieldPath === '__name__');
  return nameAt === -1 ? [...all, { field: { fieldPath: '__name__' }, direction }] : all.slice(0, nameAt + 1);
}

/** The names of the documents that the query returns, in order. */
export function modelResults(documents: readonly ModelDocument[], query: ModelQuery): string[] {
  const orders = allOrders(query);
  const keyOf = (document: ModelDocument) => orders.map(({ field }) => fieldOf(document, field.fieldPath));
  const compareKeys = (a: readonly (ModelValue | undefined)[], b: readonly (ModelValue | undefined)[]) => {
    for (const [i, { direction }] of orders.entries()) {
      const [x, y] = [a[i], b[i]];
      const order = x === undefined || y === undefined ? 0 : compareModel(x, y);
      if (order !== 0) return direction === 'DESCENDING' ? -order : order;
    }
    return 0;
  };
  const { startAt, endAt, offset, limit } = query;
  const isWithin = (key: readonly (ModelValue | undefined)[]) => {
    const fromStart = startAt === undefined ? 1 : compareKeys(key, startAt.values);
    const fromEnd = endAt === undefined ? -1 : compareKeys(key, endAt.values);
    return (
      (fromStart > 0 || (fromStart === 0 && startAt?.before === true)) &&
      (fromEnd < 0 || (fromEnd === 0 && endAt?.before === false))
    );
  };
  return documents
    .map((document) => ({ document, key: keyOf(document) }))
    .filter(
      ({ document, key }) => !key.includes(undefined) && matches(document, query.where) && isWithin(key),
    )
    .sort((a, b) => compareKeys(a.key, b.key))
    .slice(offset, limit === undefined ? undefined : offset + limit.value)
    .map(({ document }) => document.name);
}
