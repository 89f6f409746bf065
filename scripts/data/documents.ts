import type { protos } from '@google-cloud/firestore-api';
import type { Cloud } from './cloud.ts';
import type { Reads } from './reads.ts';

export type StoredDocument = protos.google.firestore.v1.IDocument;
export type StoredValue = protos.google.firestore.v1.IValue;

/** Documents of one query. */
const pageSize = 300;

/** Reads one document, within the quota. */
export async function readDocument(
  { firestore, projectId }: Pick<Cloud, 'firestore' | 'projectId'>,
  reads: Reads,
  path: string,
): Promise<StoredDocument | undefined> {
  await reads.take(1);
  const database = databaseOf(projectId);
  const request = { database, documents: [`${database}/documents/${path}`] };
  let found: StoredDocument | undefined;
  for await (const answer of firestore.batchGetDocuments(request)) {
    found ??= (answer as protos.google.firestore.v1.IBatchGetDocumentsResponse).found ?? undefined;
  }
  return found;
}

/** Reads a collection in the order of its ids, after one of them, within the quota. */
export async function* readCollection(
  { firestore, projectId }: Pick<Cloud, 'firestore' | 'projectId'>,
  reads: Reads,
  collection: string,
  afterId?: string,
): AsyncGenerator<StoredDocument> {
  const parent = `${databaseOf(projectId)}/documents`;
  let after = afterId === undefined ? undefined : `${parent}/${collection}/${afterId}`;
  for (;;) {
    const limit = await reads.take(pageSize);
    const structuredQuery = {
      from: [{ collectionId: collection }],
      orderBy: [{ field: { fieldPath: '__name__' }, direction: 'ASCENDING' as const }],
      limit: { value: limit },
      ...(after !== undefined && { startAt: { values: [{ referenceValue: after }], before: false } }),
    };
    let found = 0;
    for await (const answer of firestore.runQuery({ parent, structuredQuery })) {
      const { document } = answer as protos.google.firestore.v1.IRunQueryResponse;
      if (!document) continue;
      found += 1;
      after = document.name ?? undefined;
      yield document;
    }
    // An empty answer is billed as one read.
    reads.return(limit - Math.max(1, found));
    if (found < limit) return;
  }
}

function databaseOf(projectId: string): string {
  return `projects/${projectId}/databases/(default)`;
}

/** The path of a document in its database. */
export function pathOf({ name }: StoredDocument): string {
  return (name ?? '').split('/documents/')[1] ?? '';
}

/**
 * A document as JSON, in Firestore's own encoding:
 * https://firebase.google.com/docs/firestore/reference/rest/v1/Value
 */
export function documentJson({ name, fields, createTime, updateTime }: StoredDocument): object {
  return {
    name,
    fields: fieldsJson(fields),
    createTime: timeJson(createTime),
    updateTime: timeJson(updateTime),
  };
}

/** A value as JSON in Firestore's own encoding, in which nothing is lost. */
export function valueJson(value: StoredValue): object {
  const { mapValue, arrayValue, bytesValue, timestampValue, doubleValue, integerValue } = value;
  if (mapValue) return { mapValue: { fields: fieldsJson(mapValue.fields) } };
  if (arrayValue) return { arrayValue: { values: (arrayValue.values ?? []).map(valueJson) } };
  if (bytesValue) return { bytesValue: Buffer.from(bytesValue as Uint8Array).toString('base64') };
  if (timestampValue) return { timestampValue: timeJson(timestampValue) };
  if (value.geoPointValue) return { geoPointValue: value.geoPointValue };
  if (typeof value.referenceValue === 'string') return { referenceValue: value.referenceValue };
  if (typeof value.stringValue === 'string') return { stringValue: value.stringValue };
  if (typeof value.booleanValue === 'boolean') return { booleanValue: value.booleanValue };
  if (typeof doubleValue === 'number')
    return { doubleValue: Number.isFinite(doubleValue) ? doubleValue : String(doubleValue) };
  if (integerValue !== undefined && integerValue !== null) return { integerValue: String(integerValue) };
  return { nullValue: null };
}

type StoredFields = StoredDocument['fields'];

function fieldsJson(fields: StoredFields): Record<string, object> {
  return Object.fromEntries(Object.entries(fields ?? {}).map(([name, value]) => [name, valueJson(value)]));
}

function timeJson(time: protos.google.protobuf.ITimestamp | null | undefined): string | null {
  if (!time) return null;
  const whole = new Date(Number(time.seconds ?? 0) * 1000).toISOString().slice(0, 19);
  return `${whole}.${String(time.nanos ?? 0).padStart(9, '0')}Z`;
}

/** The text, number or map of a value, as much as is looked at here: other values are undefined. */
export function plainValue(value: StoredValue | undefined): unknown {
  if (!value) return undefined;
  if (value.mapValue) {
    const entries = Object.entries(value.mapValue.fields ?? {});
    return Object.fromEntries(entries.map(([name, inner]) => [name, plainValue(inner)]));
  }
  if (value.arrayValue) return (value.arrayValue.values ?? []).map(plainValue);
  if (typeof value.stringValue === 'string') return value.stringValue;
  if (typeof value.doubleValue === 'number') return value.doubleValue;
  const { integerValue } = value;
  return integerValue === undefined || integerValue === null ? undefined : Number(integerValue);
}
