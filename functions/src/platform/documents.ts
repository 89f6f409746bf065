/** A document's fields in plain values: Date for timestamps, Buffer for bytes, maps and arrays of the same. */
export type Fields = Record<string, unknown>;

/**
 * The field that says when Firestore deletes a document by itself, in the collections that firestore.indexes.json says.
 * A name that nobody else gives a field: a rule binds a collection group, and so everybody's documents in it.
 */
export const ttlField = 'sluice_expires_at';

/** Stands for the time at which Firestore commits the write. */
export const serverTime: unique symbol = Symbol('serverTime');

/** Stands for a field that is to be removed. */
export const removed: unique symbol = Symbol('removed');

export interface ReadDocument {
  path: string;
  /** Undefined where there is no such document. */
  fields?: Fields | undefined;
  /** Names this version of the document; for {@link DocumentWrite.ifVersion}. Undefined where there is none. */
  version?: DocumentVersion | undefined;
}

/** Opaque: what the database calls this version of a document. */
export interface DocumentVersion {
  isEqual(other: DocumentVersion): boolean;
}

/** Sets some fields of a document, or makes the document. */
export interface DocumentSet {
  path: string;
  /** `absent`: it must not exist; a version: it must be the present one; `any`: what is there is replaced whole. */
  ifVersion: DocumentVersion | 'absent' | 'any';
  /** Fields to set; each by the names that lead to it. The others stay as they are. */
  changes: { path: readonly string[]; value: unknown }[];
}

/** Removes a document. */
interface DocumentDelete {
  path: string;
  /** A version: it must be the present one; `any`: also one that does not exist. */
  ifVersion: DocumentVersion | 'any';
  changes: 'deleted';
}

export type DocumentWrite = DocumentSet | DocumentDelete;

export interface Filter {
  field: string;
  op: '==' | '>=' | '>' | '<' | 'in' | 'array-contains';
  value: unknown;
}

export interface DocumentQuery {
  collection: string;
  filters: readonly Filter[];
  orderBy: readonly { field: string; descending?: boolean }[];
  limit: number;
  /** A {@link QueryResult.cursor}: start after where that answer ended. */
  after?: string | undefined;
}

/** The reason for which Firestore did not do what it was asked. */
export type DocumentFailure =
  /** A precondition did not hold: somebody else wrote the document. */
  | 'conflict'
  /** The write can never succeed: too large, a bad value. */
  | 'invalid'
  /** Firestore is out of quota. */
  | 'exhausted'
  /** No lease covers it, so Firestore was not asked; {@link DocumentError.retryAtMs} says when to try again. */
  | 'no_quota'
  /** A failure that may pass; the call may have had its effect all the same. */
  | 'unavailable';

export class DocumentError extends Error {
  readonly failure: DocumentFailure;
  /** The time at which it may be worth another try, milliseconds since the epoch; undefined where nothing is known. */
  readonly retryAtMs: number | undefined;
  /** The kind of operation that is short, with `no_quota`. */
  readonly short: 'writes' | 'reads' | 'deletes' | undefined;
  /** The documents that should have been absent and are not, where that is the whole conflict. */
  readonly present: readonly string[];

  constructor(
    failure: DocumentFailure,
    message: string,
    options: ErrorOptions & Partial<Pick<DocumentError, 'retryAtMs' | 'short' | 'present'>> = {},
  ) {
    super(message, options);
    this.name = 'DocumentError';
    this.failure = failure;
    this.retryAtMs = options.retryAtMs;
    this.short = options.short;
    this.present = options.present ?? [];
  }
}

/**
 * Firestore, as much of it as Sluice needs. Each call names its `purpose`, under which its billed operations are
 * counted and, with a ledger, spent. Every method throws {@link DocumentError}, `unavailable` when the service
 * does not answer in time.
 */
export interface DocumentStore {
  /** Reads documents by path, in their order; each is one billed read, also where there is none. */
  read(paths: readonly string[], purpose: string): Promise<ReadDocument[]>;
  /** Commits all of the writes or none; returns each document's new version (a deleted one's means nothing). */
  commit(writes: readonly DocumentWrite[], purpose: string): Promise<DocumentVersion[]>;
  /**
   * Commits all of the writes if none of the documents `absent` exists, each a billed read; else throws a `conflict`
   * that names those that do. They are read and locked in a transaction, which tells no versions.
   */
  commitIfAbsent(writes: readonly DocumentWrite[], absent: readonly string[], purpose: string): Promise<void>;
  /** Runs a query; one billed read for each document, at least one. */
  query(query: DocumentQuery, purpose: string): Promise<QueryResult>;
  /** Counts what matches, up to {@link maxCounted}; one billed read for each 1,000 index entries, at least one. */
  count(query: Pick<DocumentQuery, 'collection' | 'filters'>, purpose: string): Promise<number>;
}

/** Counts end here, so that what they cost is known before. */
export const maxCounted = 100_000;

/** Reads that a count bills (https://cloud.google.com/firestore/pricing#aggregation_queries). */
export function countReads(count: number): number {
  return Math.max(1, Math.ceil(count / 1000));
}

export interface QueryResult {
  documents: ReadDocument[];
  /** Names the last document's place in the order, exact to the database's precision; undefined without documents. */
  cursor?: string | undefined;
  /** The moment the answer is true for, milliseconds since the epoch. */
  readTimeMs: number;
  billedReads: number;
}
