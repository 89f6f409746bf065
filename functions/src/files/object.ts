import type { DocumentStore } from '../platform/documents.ts';
import type { NewObject, ObjectFacts } from '../platform/objects.ts';
import { fileIdOfObject, folderOfId } from './fileId.ts';
import { disposition } from './fileName.ts';
import { type FileClaim, type FileRecord, failedRecord, filePath, newRecord, recordFrom } from './record.ts';

/** The label that tells Sluice's objects from those that a project had before; early versions set none. */
const ownLabel = { sluice: 'file' } as const;

/** The label of an object whose declared SHA-256 was compared with its bytes. */
export const checkedLabel = { checked: 'true' } as const;

/** Labels of an object whose bytes come from its uploader, unchecked, and when that began: its file is as old. */
export function directLabels({ size }: FileClaim, begunMs: number): Record<string, string> {
  return { direct_size: String(size), begun_ms: String(begunMs) };
}

/**
 * The object of a new file, whose labels carry the file's record. The bucket's rule for temporary files counts from
 * `customTimeMs`; others have none.
 */
export function newObject(
  claim: FileClaim,
  customTimeMs: number,
  labels: Readonly<Record<string, string>> = {},
): NewObject {
  const { fileId, fileName, contentType, fileType, sha256, madeBy } = claim;
  return {
    contentType,
    contentDisposition: disposition(fileName),
    labels: {
      ...labels,
      ...ownLabel,
      file_name: fileName,
      file_type: fileType,
      ...(sha256 !== null && { sha256 }),
      ...(madeBy !== null && { made_by: madeBy }),
    },
    ...(folderOfId(fileId) === 'temp' && { customTimeMs }),
  };
}

/** True for a file of Sluice's by its label and name. One that is not may be, by its document. */
export function isLabelled(object: ObjectFacts): boolean {
  return object.labels['sluice'] === ownLabel.sluice && recordOf(object) !== undefined;
}

/** True for an object that came straight from its uploader; its file then has had a document, which said `pending`. */
export function isDirect({ labels }: Pick<ObjectFacts, 'labels'>): boolean {
  return labels['direct_size'] !== undefined;
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
  const madeBy = labels['made_by'] ?? null;
  const claim: FileClaim = { fileId, fileName, contentType, fileType, size: bytes, sha256, madeBy };
  const isUnchecked = directSize !== undefined && sha256 !== null && labels['checked'] === undefined;
  const record = newRecord(claim, { location: 'cloud_storage', status: 'stored', createdMs });
  const begunMs = Number(labels['begun_ms'] ?? createdMs);
  const described = { ...record, createdMs: begunMs, md5: object.md5 ?? null };
  if (directSize !== undefined && Number(directSize) !== bytes) {
    return failedRecord(described, `${directSize} bytes were declared, ${bytes} came.`, createdMs);
  }
  return isUnchecked ? { ...described, status: 'pending' } : described;
}

/**
 * Tells if an object is surely a file of Sluice's: by its label and name, or, stored by a version that set no label, by
 * its document, which costs a read. All others were there before, or are somebody else's.
 * @throws DocumentError
 */
export async function isOwn(object: ObjectFacts, documents: Pick<DocumentStore, 'read'>): Promise<boolean> {
  const record = recordOf(object);
  if (record === undefined || isLabelled(object)) return record !== undefined;
  const [found] = await documents.read([filePath(record.fileId)], 'files');
  return recordFrom(record.fileId, found?.fields)?.location === 'cloud_storage';
}
