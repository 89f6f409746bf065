import { StatusError, status } from './errors.ts';
import { nameField, parseFieldPath } from './fields.ts';
import { disjuncts, operator, unaryOperator } from './filters.ts';
import type { CompositeIndex, ConfiguredField, IndexConfig, IndexMode } from './indexconfig.ts';
import type { QueryPlan } from './plan.ts';
import type { Filter } from './wire.ts';

/** Needs of one alternative of a query: of the index, or of the indexes with the same end, that it is read from. */
interface IndexNeed {
  /**
   * Fields that the alternative fixes: they come first, in any order and direction, and may be
   * spread over several indexes.
   */
  readonly fixed: ReadonlyMap<string, 'equal' | 'contains'>;
  /** The fields that sort the results. */
  readonly orders: readonly ConfiguredField[];
  /** Fields that are summed up: after the others, in any order. */
  readonly summed: readonly string[];
  readonly nameDescending: boolean;
}

function fixes({ fieldFilter, unaryFilter }: Filter): ['equal' | 'contains', string] | undefined {
  const path = (fieldFilter ?? unaryFilter)?.field.fieldPath;
  if (path === undefined || path === nameField) return undefined;
  switch (fieldFilter?.op) {
    case operator.equal:
    case operator.in:
      return ['equal', path];
    case operator.arrayContains:
    case operator.arrayContainsAny:
      return ['contains', path];
  }
  if (unaryFilter?.op === unaryOperator.isNull || unaryFilter?.op === unaryOperator.isNan)
    return ['equal', path];
  return undefined;
}

function needOf(plan: QueryPlan, filters: readonly Filter[], aggregated: readonly string[]): IndexNeed {
  const fixed = new Map<string, 'equal' | 'contains'>();
  for (const [kind, path] of filters.map(fixes).filter((fix) => fix !== undefined)) fixed.set(path, kind);
  const orders = plan.orders
    .filter(({ path }) => fixed.get(path) !== 'equal')
    .map(
      ({ path, descending }): ConfiguredField => ({ path, mode: descending ? 'descending' : 'ascending' }),
    );
  const summed = [...new Set(aggregated)].filter(
    (path) => fixed.get(path) !== 'equal' && !orders.some((order) => order.path === path),
  );
  return { fixed, orders, summed, nameDescending: plan.nameDescending };
}

/** The fixed fields that the index covers, if it is of use at all: it must end exactly as the alternative is sorted. */
function covers(need: IndexNeed, index: CompositeIndex): readonly string[] | undefined {
  const { fixed, orders, summed, nameDescending } = need;
  if (summed.length === 0 && index.nameDescending !== nameDescending) return undefined;
  const ordersAt = index.fields.length - orders.length - summed.length;
  const first = index.fields.slice(0, Math.max(0, ordersAt));
  const sorting = index.fields.slice(ordersAt, ordersAt + orders.length);
  const last = index.fields.slice(ordersAt + orders.length);
  const fits =
    ordersAt >= 0 &&
    first.every(({ path, mode }) => fixed.get(path) === (mode === 'contains' ? 'contains' : 'equal')) &&
    orders.every(({ path, mode }, i) => sorting[i]?.path === path && sorting[i].mode === mode) &&
    last.every(({ path }) => summed.includes(path));
  return fits ? first.map(({ path }) => path) : undefined;
}

/** Fields that single-field indexes cover: each fixed field where nothing else sorts, or the one field that does. */
function* coveredBySingle(need: IndexNeed, modesOf: (path: string) => ReadonlySet<IndexMode>) {
  const { fixed, orders, summed, nameDescending } = need;
  const [only, ...others] = [
    ...orders,
    ...summed.map((path): ConfiguredField => ({ path, mode: 'ascending' })),
  ];
  const direction = nameDescending ? 'descending' : 'ascending';
  if (only === undefined) {
    if (fixed.size === 0 && !nameDescending) yield [];
    for (const [path, kind] of fixed) {
      if (kind === 'equal' ? modesOf(path).has(direction) : !nameDescending && modesOf(path).has('contains'))
        yield [path];
    }
  } else if (others.length === 0 && fixed.size === 0 && modesOf(only.path).has(only.mode)) {
    if (summed.length > 0 || only.mode === direction) yield [];
  }
}

function missing(plan: QueryPlan, need: IndexNeed): StatusError {
  const { fixed, orders, summed, nameDescending } = need;
  const fields = [
    ...[...fixed].map(([fieldPath, kind]) =>
      kind === 'equal' ? { fieldPath, order: 'ASCENDING' } : { fieldPath, arrayConfig: 'CONTAINS' },
    ),
    ...orders.map(({ path, mode }) => ({ fieldPath: path, order: mode.toUpperCase() })),
    ...summed.map((fieldPath) => ({ fieldPath, order: 'ASCENDING' })),
  ];
  const impliedDescending = orders.at(-1)?.mode === 'descending';
  if (nameDescending !== impliedDescending)
    fields.push({ fieldPath: nameField, order: nameDescending ? 'DESCENDING' : 'ASCENDING' });
  const index = {
    collectionGroup: plan.collectionId,
    queryScope: plan.allDescendants ? 'COLLECTION_GROUP' : 'COLLECTION',
    fields,
  };
  const where = fields.length === 1 ? 'fieldOverrides (it has one field)' : 'indexes';
  return new StatusError(
    status.failedPrecondition,
    `The query requires an index that firestore.indexes.json lacks, in ${where}: ${JSON.stringify(index)}`,
  );
}

/**
 * Refuses a query that the service could not serve with these indexes
 * (firebase.google.com/docs/firestore/query-data/indexing).
 * @param aggregated fields that are summed up or averaged
 * @throws StatusError FAILED_PRECONDITION, with the index that is missing
 */
export function requireIndexes(config: IndexConfig, plan: QueryPlan, aggregated: readonly string[]): void {
  const { collectionId, allDescendants } = plan;
  if (collectionId === '') return;
  const composites = config
    .composites(collectionId)
    .filter(({ collectionGroup }) => collectionGroup === allDescendants);
  const modesOf = (path: string) =>
    config.fieldIndexes(collectionId, parseFieldPath(path))[
      allDescendants ? 'collectionGroup' : 'collection'
    ];
  for (const filters of disjuncts(plan.where)) {
    const need = needOf(plan, filters, aggregated);
    const parts = [
      ...coveredBySingle(need, modesOf),
      ...composites.map((index) => covers(need, index)).filter((part) => part !== undefined),
    ];
    const covered = new Set(parts.flat());
    if (parts.length === 0 || covered.size < need.fixed.size) throw missing(plan, need);
  }
}
