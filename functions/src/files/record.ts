import type { DocumentSet, Fields } from '../platform/documents.ts';
import { UnknownVersion } from '../platform/errors.ts';
import type { JsonObject } from '../platform/json.ts';
import { folderOfId, objectOf } from './fileId.ts';
import { deletedMs, temporaryMs, uploadSessionMs } from './limits.ts';

/** An uploader's description of a file. */
export interface FileClaim {
  fileId: string;
  fileName: string;
  contentType: string;
  fileType: string;
  size: number;
  /** Hex; null where the uploader declared none and Cloud Storage took the bytes directly. */
  sha256: string | null;
  /** The id of the key that made it; null where code older than this did. */
  madeBy: string | null;
}

export const locations = ['firestore', 'cloud_storage'] as const;
export const statuses = ['pending', 'stored', 'failed', 'deleted'] as const;

/** The description of a file that Sluice knows, without its bytes. */
export interface FileRecord extends FileClaim {
  /** Hex, of files in Cloud Storage. */
  md5: string | null;
  location: (typeof locations)[number];
  status: (typeof statuses)[number];
  /** The reason for which it failed. */
  reason: string | null;
  createdMs: number;
  /** The time at which cleanup removes it; null: never. */
  expiresMs: number | null;
}

/** A record for a file that begins now. */
export function newRecord(
  claim: FileClaim,
  rest: Pick<FileRecord, 'location' | 'status' | 'createdMs'>,
): FileRecord {
  const isTemporary = folderOfId(claim.fileId) === 'temp';
  // Until its address ends an upload may be completed, asked for or deleted.
  const lifeMs = rest.status === 'pending' ? uploadSessionMs : isTemporary ? temporaryMs : null;
  return {
    ...claim,
    ...rest,
    md5: null,
    reason: null,
    expiresMs: lifeMs === null ? null : rest.createdMs + lifeMs,
  };
}

/** The record of a file that did not come as declared, at `failedMs`; `sha256` stays what was declared. */
export function failedRecord(record: FileRecord, reason: string, failedMs: number): FileRecord {
  return { ...record, status: 'failed', reason, expiresMs: failedMs + temporaryMs };
}

/** The end of a deleted upload's document, begun at `createdMs`: the upload's addresses cannot be taken back. */
export function uploadEndMs({ createdMs }: Pick<FileRecord, 'createdMs'>): number {
  return createdMs + uploadSessionMs + deletedMs;
}

export const filesCollection = 'files';

export function filePath(fileId: string): string {
  return `${filesCollection}/${fileId}`;
}

/** The document's fields, in the database's values; `content` beside them where the bytes are inline. */
export function fieldsOf(record: FileRecord): Fields {
  const hasObject = record.location === 'cloud_storage' && record.status === 'stored';
  return {
    ...shared(record),
    object: hasObject ? (objectOf(record.fileId) ?? null) : null,
    reason: record.reason,
    made_by: record.madeBy,
    created_at: new Date(record.createdMs),
    expires_at: record.expiresMs === null ? null : new Date(record.expiresMs),
  };
}

/** The write of a new file's document. */
export function newDocument(record: FileRecord, beside: Fields = {}): DocumentSet {
  const fields = Object.entries({ ...fieldsOf(record), ...beside });
  const changes = fields.map(([name, value]) => ({ path: [name], value }));
  return { path: filePath(record.fileId), ifVersion: 'absent', changes };
}

/** The members that the document and the API call by the same names. */
function shared(record: FileRecord) {
  return {
    file_id: record.fileId,
    file_name: record.fileName,
    content_type: record.contentType,
    file_type: record.fileType,
    size: record.size,
    sha256: record.sha256,
    md5: record.md5,
    location: record.location,
    status: record.status,
  };
}

/**
 * Reads the fields that {@link fieldsOf} wrote; undefined for documents that others keep in a collection of this name.
 * @throws UnknownVersion for a location or a status that is not known.
 */
export function recordFrom(fileId: string, fields: Fields | undefined): FileRecord | undefined {
  const isOwn = folderOfId(fileId) !== undefined && fields?.['file_id'] === fileId;
  if (!isOwn || !fieldNames.every((name) => Object.hasOwn(fields, name))) return undefined;
  const text = (name: string): string | null => {
    const value = fields[name];
    return typeof value === 'string' ? value : null;
  };
  const ms = (name: string): number | null => {
    const value = fields[name];
    return value instanceof Date ? value.getTime() : null;
  };
  return {
    fileId,
    fileName: text('file_name') ?? fileId,
    contentType: text('content_type') ?? 'application/octet-stream',
    fileType: text('file_type') ?? 'other',
    size: typeof fields['size'] === 'number' ? fields['size'] : 0,
    sha256: text('sha256'),
    madeBy: text('made_by'),
    md5: text('md5'),
    location: oneOf(locations, text('location') ?? 'cloud_storage'),
    status: oneOf(statuses, text('status') ?? 'stored'),
    reason: text('reason'),
    createdMs: ms('created_at') ?? 0,
    expiresMs: ms('expires_at'),
  };
}

const fieldNames = ['file_type', 'size', 'md5', 'location', 'status', 'object', 'reason', 'expires_at'];

function oneOf<Value extends string>(known: readonly Value[], found: string): Value {
  const value = known.find((candidate) => candidate === found);
  if (value === undefined) throw new UnknownVersion(`A file is ${found}, which this version does not know.`);
  return value;
}

/** The record as the API shows it. */
export function recordJson(record: FileRecord): JsonObject {
  return {
    ...shared(record),
    ...(record.reason === null ? {} : { reason: record.reason }),
    created_at: new Date(record.createdMs).toISOString(),
    expires_at: record.expiresMs === null ? null : new Date(record.expiresMs).toISOString(),
    file_url: fileUrl(record.fileId),
  };
}

/** The address of a file's bytes, below the base address of the API. */
export function fileUrl(fileId: string): string {
  return `/api/v1/files/${fileId}/download`;
}
