import type { Database } from './database.ts';
import { invalidArgument } from './errors.ts';
import type { Cursor, PartitionQueryRequest, PartitionQueryResponse, StructuredQuery } from './wire.ts';

/** Refuses queries that the service cannot split: it splits a whole collection group, in the order of its names. */
function checkQuery(query: StructuredQuery | null): void {
  const plain =
    query?.from[0]?.allDescendants &&
    query.where === null &&
    query.orderBy.every(({ field, direction }) => field.fieldPath === '__name__' && direction !== 2) &&
    query.startAt === null &&
    query.endAt === null &&
    query.offset === 0 &&
    query.limit === null;
  if (!plain)
    throw invalidArgument(
      'Only a collection group ordered by name, without filters or bounds, can be split.',
    );
}

/**
 * PartitionQuery: names that split a collection group into parts of about the same size, in the order of names. The
 * service says only that there are no more than asked for. A request is billed as a read, which is a guess.
 * @throws StatusError INVALID_ARGUMENT
 */
export async function partitionQuery(
  database: Database,
  request: PartitionQueryRequest,
  signal: AbortSignal,
): Promise<PartitionQueryResponse> {
  checkQuery(request.structuredQuery);
  const wanted = request.partitionCount.toNumber();
  const start = request.pageToken === '' ? 0 : Number(request.pageToken);
  if (wanted < 1) throw invalidArgument('The partition count must be positive.');
  if (request.pageSize < 0 || !Number.isInteger(start))
    throw invalidArgument('Invalid page size or page token.');
  const plan = database.plan(request.parent, request.structuredQuery);
  const view = database.view({ ...request, transaction: new Uint8Array(), newTransaction: null });
  const { rows } = await database.query(plan, view, signal);
  database.meter.queryRead(1);
  const count = Math.min(wanted, Math.max(0, rows.length - 1));
  const end = request.pageSize === 0 ? count : Math.min(count, start + request.pageSize);
  const partitions: Cursor[] = [];
  for (let i = start; i < end; i++) {
    const row = rows[Math.floor(((i + 1) * rows.length) / (count + 1))];
    if (row !== undefined)
      partitions.push({ values: [{ kind: 'reference', value: row.entry.name }], before: true });
  }
  return { partitions, nextPageToken: end < count ? String(end) : '' };
}
