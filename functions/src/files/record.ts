import type { Fields } from '../platform/documents.ts';
import { UnknownVersion } from '../platform/errors.ts';
import type { JsonObject } from '../platform/json.ts';
import type { ObjectFacts } from '../platform/objects.ts';
import { fileIdOfObject, folderOfId, objectOf } from './fileId.ts';
import { deletedMs, temporaryMs, uploadSessionMs } from './limits.ts';

export type FileStatus = 'pending' | 'stored' | 'failed' | 'deleted';

/** What is known of a file, without its bytes. */
export interface FileRecord {
  fileId: string;
  fileName: string;
  contentType: string;
  fileType: string;
  size: number;
  /** Hex; null where the uploader declared none and Cloud Storage took the bytes directly. */
  sha256: string | null;
  /** Hex, of files in Cloud Storage. */
  md5: string | null;
  location: 'firestore' | 'cloud_storage';
  status: FileStatus;
  /** Why it failed. */
  reason: string | null;
  createdMs: number;
  /** When cleanup removes it; null: never. */
  expiresMs: number | null;
}

/** What an uploader says of a file. */
export interface FileClaim {
  fileId: string;
  fileName: string;
  contentType: string;
  fileType: string;
  size: number;
  sha256: string | null;
}

/** A record for a file that begins now. */
export function newRecord(
  claim: FileClaim,
  rest: Pick<FileRecord, 'location' | 'status' | 'createdMs'>,
): FileRecord {
  const isTemporary = folderOfId(claim.fileId) === 'temp' || rest.status === 'pending';
  return {
    ...claim,
    ...rest,
    md5: null,
    reason: null,
    expiresMs: isTemporary ? rest.createdMs + temporaryMs : null,
  };
}

/** The label that tells Sluice's objects from those that a project had before; 3a6e002 set none. */
const ownLabel = { sluice: 'file' } as const;

/** The labels by which an object carries its file's record. `direct`: its bytes come from the uploader itself, unchecked. */
export function labelsOf(claim: FileClaim, { isDirect }: { isDirect: boolean }): Record<string, string> {
  return {
    ...ownLabel,
    file_name: claim.fileName,
    file_type: claim.fileType,
    ...(claim.sha256 === null ? {} : { sha256: claim.sha256 }),
    ...(isDirect ? { direct_size: String(claim.size) } : {}),
  };
}

/** True for a file of Sluice's by its label and name. One that is not may be, by its document. */
export function isLabelled(object: ObjectFacts): boolean {
  return object.labels['sluice'] === ownLabel.sluice && recordOf(object) !== undefined;
}

/** Whether an object came straight from its uploader; its file then has had a document, which said `pending`. */
export function isDirect({ labels }: Pick<ObjectFacts, 'labels'>): boolean {
  return labels['direct_size'] !== undefined;
}

/** Set on an object whose declared SHA-256 was compared with its bytes. */
export const checkedLabel = { checked: 'true' } as const;

/** Until when the document of a deleted upload, begun at `createdMs`, stays: its addresses cannot be taken back. */
export function uploadEndMs({ createdMs }: Pick<FileRecord, 'createdMs'>): number {
  return createdMs + uploadSessionMs + deletedMs;
}

/** The label that says when a direct upload began: that is when its file was created. */
export function begunLabel(begunMs: number): Record<string, string> {
  return { begun_ms: String(begunMs) };
}

/**
 * The record that an object in the files' folders carries; undefined for one that carries none. One that was uploaded
 * directly is `failed` where it is not as declared, and `pending` until a declared SHA-256 is compared.
 */
export function recordOf(object: ObjectFacts): FileRecord | undefined {
  const { labels, bytes, contentType, createdMs } = object;
  const { file_name: fileName, file_type: fileType, sha256 = null, direct_size: directSize } = labels;
  const fileId = fileIdOfObject(object.name);
  if (fileId === undefined || fileName === undefined || fileType === undefined) return undefined;
  const claim: FileClaim = { fileId, fileName, contentType, fileType, size: bytes, sha256 };
  const isUnchecked = directSize !== undefined && sha256 !== null && labels['checked'] === undefined;
  const record = newRecord(claim, { location: 'cloud_storage', status: 'stored', createdMs });
  const begunMs = Number(labels['begun_ms'] ?? createdMs);
  const described = { ...record, createdMs: begunMs, md5: object.md5 ?? null };
  if (directSize !== undefined && Number(directSize) !== bytes) {
    return failedRecord(described, `${directSize} bytes were declared, ${bytes} came.`, createdMs);
  }
  return isUnchecked ? { ...described, status: 'pending' } : described;
}

/** The record of a file that did not come as declared, at `failedMs`; `sha256` stays what was declared. */
export function failedRecord(record: FileRecord, reason: string, failedMs: number): FileRecord {
  return { ...record, status: 'failed', reason, expiresMs: failedMs + temporaryMs };
}

export const filesCollection = 'files';

export function filePath(fileId: string): string {
  return `${filesCollection}/${fileId}`;
}

/** The document's fields, in the database's values; `content` beside them where the bytes are inline. */
export function fieldsOf(record: FileRecord): Fields {
  return {
    ...shared(record),
    object: hasObject(record) ? (objectOf(record.fileId) ?? null) : null,
    reason: record.reason,
    created_at: new Date(record.createdMs),
    expires_at: record.expiresMs === null ? null : new Date(record.expiresMs),
  };
}

/** What the document and the API call by the same names. */
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

function hasObject({ location, status }: FileRecord): boolean {
  return location === 'cloud_storage' && status === 'stored';
}

/**
 * Reads what {@link fieldsOf} wrote; undefined for what others keep in a collection of this name.
 * @throws UnknownVersion where it is somewhere, or in a state, that is not known.
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
    md5: text('md5'),
    location: oneOf(locations, text('location') ?? 'cloud_storage'),
    status: oneOf(statuses, text('status') ?? 'stored'),
    reason: text('reason'),
    createdMs: ms('created_at') ?? 0,
    expiresMs: ms('expires_at'),
  };
}

const fieldNames = ['file_type', 'size', 'md5', 'location', 'status', 'object', 'reason', 'expires_at'];

const locations: readonly FileRecord['location'][] = ['firestore', 'cloud_storage'];
const statuses: readonly FileStatus[] = ['pending', 'stored', 'failed', 'deleted'];

function oneOf<Value extends string>(known: readonly Value[], found: string): Value {
  const value = known.find((each) => each === found);
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

/** Where a file's bytes are to be had, below the base address of the API. */
export function fileUrl(fileId: string): string {
  return `/api/v1/files/${fileId}/download`;
}
