import type { DocumentStore } from '../platform/documents.ts';
import type { NewObject, ObjectFacts } from '../platform/objects.ts';
import { folderOfId } from './fileId.ts';
import { disposition } from './fileName.ts';
import { type FileClaim, filePath, isLabelled, labelsOf, recordFrom, recordOf } from './record.ts';

/** The object of a new file. The bucket's rule for temporary files counts from `customTimeMs`; others have none. */
export function newObject(
  claim: FileClaim,
  {
    isDirect,
    customTimeMs,
    labels = {},
  }: { isDirect: boolean; customTimeMs: number; labels?: Readonly<Record<string, string>> },
): NewObject {
  return {
    contentType: claim.contentType,
    contentDisposition: disposition(claim.fileName),
    labels: { ...labels, ...labelsOf(claim, { isDirect }) },
    ...(folderOfId(claim.fileId) === 'temp' ? { customTimeMs } : {}),
  };
}

/**
 * Tells if an object is surely a file of Sluice's: by its label and name, or, stored by a version that set no label, by its
 * document, which costs a read. All others were there before, or are somebody else's.
 * @throws DocumentError
 */
export async function isOwn(object: ObjectFacts, documents: Pick<DocumentStore, 'read'>): Promise<boolean> {
  const record = recordOf(object);
  if (record === undefined || isLabelled(object)) return record !== undefined;
  const [found] = await documents.read([filePath(record.fileId)], 'files');
  return recordFrom(record.fileId, found?.fields)?.location === 'cloud_storage';
}
