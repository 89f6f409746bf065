import type { WireDocument } from './codec.ts';
import type { Micros } from './times.ts';
import type { Value } from './values.ts';

/**
 * The messages of google.firestore.v1 as protobufjs decodes and encodes them with our codecs: what the client did not
 * send is null, '', 0 or empty. Only the fields that the service looks at.
 */

interface DocumentMask {
  fieldPaths: string[];
}

export interface Precondition {
  conditionType?: 'exists' | 'updateTime';
  exists: boolean;
  updateTime: Micros | null;
}

export interface FieldTransform {
  fieldPath: string;
  transformType?:
    | 'setToServerValue'
    | 'increment'
    | 'maximum'
    | 'minimum'
    | 'appendMissingElements'
    | 'removeAllFromArray';
  increment: Value | null;
  maximum: Value | null;
  minimum: Value | null;
  appendMissingElements: Value[] | null;
  removeAllFromArray: Value[] | null;
}

export interface Write {
  operation?: 'update' | 'delete' | 'transform';
  update: WireDocument | null;
  delete: string;
  transform: { document: string; fieldTransforms: FieldTransform[] } | null;
  updateMask: DocumentMask | null;
  updateTransforms: FieldTransform[];
  currentDocument: Precondition | null;
}

export interface WriteResult {
  updateTime?: Micros;
  transformResults?: Value[];
}

export interface TransactionOptions {
  mode?: 'readOnly' | 'readWrite';
  readOnly: { readTime: Micros | null } | null;
  readWrite: { retryTransaction: Uint8Array } | null;
}

/** Options that reads share: at most one of the three is set. */
export interface Consistency {
  transaction: Uint8Array;
  newTransaction: TransactionOptions | null;
  readTime: Micros | null;
}

export interface FieldReference {
  fieldPath: string;
}

export interface FieldFilter {
  field: FieldReference;
  op: number;
  value: Value | null;
}

export interface UnaryFilter {
  op: number;
  field: FieldReference;
}

interface CompositeFilter {
  op: number;
  filters: Filter[];
}

export interface Filter {
  compositeFilter: CompositeFilter | null;
  fieldFilter: FieldFilter | null;
  unaryFilter: UnaryFilter | null;
}

export interface Cursor {
  values: Value[];
  before: boolean;
}

export interface StructuredQuery {
  select: { fields: FieldReference[] } | null;
  from: { collectionId: string; allDescendants: boolean }[];
  where: Filter | null;
  orderBy: { field: FieldReference; direction: number }[];
  startAt: Cursor | null;
  endAt: Cursor | null;
  offset: number;
  limit: { value: number } | null;
  findNearest: object | null;
}

export interface Aggregation {
  operator?: 'count' | 'sum' | 'avg';
  count: { upTo: { value: { toNumber(): number } } | null } | null;
  sum: { field: FieldReference } | null;
  avg: { field: FieldReference } | null;
  alias: string;
}

export interface CommitRequest {
  database: string;
  writes: Write[];
  transaction: Uint8Array;
}

export interface CommitResponse {
  writeResults: WriteResult[];
  commitTime: Micros;
}

export interface BatchWriteRequest {
  database: string;
  writes: Write[];
}

export interface BatchWriteResponse {
  writeResults: WriteResult[];
  status: { code: number; message?: string }[];
}

export interface BeginTransactionRequest {
  database: string;
  options: TransactionOptions | null;
}

export interface RollbackRequest {
  database: string;
  transaction: Uint8Array;
}

export interface BatchGetDocumentsRequest extends Consistency {
  database: string;
  documents: string[];
  mask: DocumentMask | null;
}

export interface BatchGetDocumentsResponse {
  found?: WireDocument;
  missing?: string;
  transaction?: Uint8Array;
  readTime?: Micros;
}

/** A request for a plan, and perhaps statistics, beside the results or instead of them. */
interface Explainable {
  explainOptions: object | null;
}

export interface RunQueryRequest extends Consistency, Explainable {
  parent: string;
  structuredQuery: StructuredQuery | null;
}

export interface RunQueryResponse {
  transaction?: Uint8Array;
  document?: WireDocument;
  readTime?: Micros;
  skippedResults?: number;
}

export interface RunAggregationQueryRequest extends Consistency, Explainable {
  parent: string;
  structuredAggregationQuery: { structuredQuery: StructuredQuery | null; aggregations: Aggregation[] } | null;
}

export interface RunAggregationQueryResponse {
  result?: { aggregateFields: Record<string, Value> };
  transaction?: Uint8Array;
  readTime?: Micros;
}

export interface PartitionQueryRequest {
  parent: string;
  structuredQuery: StructuredQuery | null;
  partitionCount: { toNumber(): number };
  pageToken: string;
  pageSize: number;
  readTime: Micros | null;
}

export interface PartitionQueryResponse {
  partitions: Cursor[];
  nextPageToken: string;
}

export interface ListDocumentsRequest {
  parent: string;
  collectionId: string;
  pageSize: number;
  pageToken: string;
  mask: DocumentMask | null;
  transaction: Uint8Array;
  readTime: Micros | null;
  showMissing: boolean;
}

export interface ListDocumentsResponse {
  documents: WireDocument[];
  nextPageToken: string;
}

export interface ListCollectionIdsRequest {
  parent: string;
  pageSize: number;
  pageToken: string;
}

export interface ListCollectionIdsResponse {
  collectionIds: string[];
  nextPageToken: string;
}

export interface Target {
  targetId: number;
  resumeToken: Uint8Array;
  documents: { documents: string[] } | null;
  query: { parent: string; structuredQuery: StructuredQuery | null } | null;
}

export interface ListenRequest {
  database: string;
  targetChange?: 'addTarget' | 'removeTarget';
  addTarget: Target | null;
  removeTarget: number;
}

export interface TargetChange {
  targetChangeType: number;
  targetIds: number[];
  readTime?: Micros;
  resumeToken?: Uint8Array;
  cause?: { code: number; message: string };
}

export interface ListenResponse {
  targetChange?: TargetChange;
  documentChange?: { document: WireDocument; targetIds: number[] };
  documentDelete?: { document: string; removedTargetIds: number[]; readTime: Micros };
  documentRemove?: { document: string; removedTargetIds: number[]; readTime: Micros };
}
