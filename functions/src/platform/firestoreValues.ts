import {
  type DocumentData,
  type DocumentSnapshot,
  FieldValue,
  type Query,
  Timestamp,
} from 'firebase-admin/firestore';
import {
  DocumentError,
  type DocumentSet,
  type Fields,
  type ReadDocument,
  removed,
  serverTime,
} from './documents.ts';
import { isMap } from './values.ts';

/** The error of a refused value. Callers see its message: the client's and the service's own words stay behind it. */
export function refused(cause: unknown): DocumentError {
  return new DocumentError('invalid', 'Firestore does not take this name or value.', { cause });
}

/** The client checks names and values before it sends them; what it refuses, the service would refuse as well. */
export function formed<Result>(make: () => Result): Result {
  try {
    return make();
  } catch (cause) {
    throw refused(cause);
  }
}

/** A snapshot as Sluice reads it. */
export function readDocument(snapshot: DocumentSnapshot): ReadDocument {
  const { path } = snapshot.ref;
  const data = snapshot.data();
  return data === undefined ? { path } : { path, fields: plainFields(data), version: snapshot.updateTime };
}

/** The fields of a document that is written whole. */
export function nested(changes: DocumentSet['changes']): DocumentData {
  const data: DocumentData = {};
  for (const { path, value } of changes) {
    const [name] = path;
    if (name === undefined || path.length !== 1)
      throw new Error('A new document is written by whole fields.');
    data[name] = stored(value);
  }
  return data;
}

/** A field's value in the client's types. */
export function stored(value: unknown): unknown {
  if (value === serverTime) return FieldValue.serverTimestamp();
  if (value === removed) return FieldValue.delete();
  return value;
}

function plainFields(data: DocumentData): Fields {
  return Object.fromEntries(Object.entries(data).map(([name, value]) => [name, plain(value)]));
}

function plain(value: unknown): unknown {
  if (value instanceof Timestamp) return value.toDate();
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (Array.isArray(value)) return value.map(plain);
  return isMap(value) ? plainFields(value) : value;
}

/** A cursor names a place in the order of a query by the values that the query orders by. */
export function encodeCursor(values: readonly unknown[]): string {
  const parts = values.map((value) =>
    value instanceof Timestamp ? [value.seconds, value.nanoseconds] : plain(value),
  );
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/** Throws DocumentError `invalid` for what {@link encodeCursor} did not make for such a query. */
export function startAfter(query: Query, cursor: string, length: number): Query {
  try {
    const parts = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')) as unknown[];
    if (parts.length !== length) throw new Error(`${length} values were expected.`);
    const values = parts.map((part) =>
      Array.isArray(part) ? new Timestamp(part[0] as number, part[1] as number) : part,
    );
    return query.startAfter(...values);
  } catch (cause) {
    throw new DocumentError('invalid', 'Not a cursor.', { cause });
  }
}
