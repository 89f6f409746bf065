import { aggregatedFields, aggregateRows } from './aggregates.ts';
import type { WireDocument } from './codec.ts';
import { checkAggregations } from './completeness.ts';
import type { Database, ReadView } from './database.ts';
import { type DocumentVersion, versionAt } from './entries.ts';
import { invalidArgument, StatusError, status } from './errors.ts';
import { pickFields } from './fields.ts';
import { documentPath } from './names.ts';
import type {
  BatchGetDocumentsRequest,
  BatchGetDocumentsResponse,
  RunAggregationQueryRequest,
  RunAggregationQueryResponse,
  RunQueryRequest,
  RunQueryResponse,
} from './wire.ts';

/** A document as the client gets it, with all fields or only those named. */
export function wireDocument(
  name: string,
  version: DocumentVersion,
  fieldPaths: readonly string[] | undefined,
): WireDocument {
  const { fields, createTime, updateTime } = version;
  return {
    name,
    fields: fieldPaths === undefined ? fields : pickFields(fields, fieldPaths),
    createTime,
    updateTime,
  };
}

function* beginning({ began, transaction }: ReadView): Iterable<{ transaction: Uint8Array }> {
  if (began && transaction !== undefined) yield { transaction: transaction.id };
}

/** BatchGetDocuments: documents by name, in the order asked for. Missing ones are billed too. */
export async function* batchGet(
  database: Database,
  request: BatchGetDocumentsRequest,
  signal: AbortSignal,
): AsyncIterable<BatchGetDocumentsResponse> {
  const paths = request.documents.map((name) => documentPath(database.root, name));
  const view = database.view(request);
  yield* beginning(view);
  const { at, transaction } = view;
  if (transaction !== undefined && !transaction.readOnly) {
    await database.transactions.lock(transaction, paths, transaction.readMode, signal);
  }
  const readTime = at ?? database.clock.readTime();
  database.meter.documentsRead(paths.length);
  const found = paths.map((path) => {
    const entry = database.store.entry(path);
    return entry === undefined ? undefined : versionAt(entry, at);
  });
  for (const [i, name] of request.documents.entries()) {
    const version = found[i];
    if (version === undefined) yield { missing: name, readTime };
    else yield { found: wireDocument(name, version, request.mask?.fieldPaths), readTime };
  }
}

/** Results without the plan that was asked for would look like the service's. */
function refuseExplain({ explainOptions }: Pick<RunQueryRequest, 'explainOptions'>): void {
  if (explainOptions !== null)
    throw new StatusError(status.unimplemented, 'Not part of the local Firestore: query explain.');
}

/** RunQuery: the matching documents in order, then how many the offset skipped. */
export async function* query(
  database: Database,
  request: RunQueryRequest,
  signal: AbortSignal,
): AsyncIterable<RunQueryResponse> {
  refuseExplain(request);
  const plan = database.plan(request.parent, request.structuredQuery);
  const view = database.view(request);
  yield* beginning(view);
  const { rows, skipped } = await database.query(plan, view, signal);
  const readTime = view.at ?? database.clock.readTime();
  database.meter.queryRead(rows.length + skipped);
  for (const { entry, version } of rows) {
    yield { document: wireDocument(entry.name, version, plan.select), readTime };
  }
  yield { readTime, skippedResults: skipped };
}

/** RunAggregationQuery: count, sum and average over a query's results. */
export async function* aggregationQuery(
  database: Database,
  request: RunAggregationQueryRequest,
  signal: AbortSignal,
): AsyncIterable<RunAggregationQueryResponse> {
  refuseExplain(request);
  const aggregation = request.structuredAggregationQuery;
  if (aggregation === null) throw invalidArgument('The request has no query.');
  checkAggregations(aggregation.aggregations);
  const plan = database.plan(
    request.parent,
    aggregation.structuredQuery,
    aggregatedFields(aggregation.aggregations),
  );
  const view = database.view(request);
  yield* beginning(view);
  const { rows, skipped } = await database.query(plan, view, signal);
  const readTime = view.at ?? database.clock.readTime();
  const aggregateFields = aggregateRows(rows, aggregation.aggregations);
  database.meter.aggregationRead(rows.length + skipped);
  yield { result: { aggregateFields }, readTime };
}
