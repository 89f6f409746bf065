import { DocumentError } from '../platform/documents.ts';
import { AppError } from '../platform/errors.ts';
import { objectOf } from './fileId.ts';
import { deletedMs } from './limits.ts';
import { isDirect, isOwn, recordOf } from './object.ts';
import type { FileParts } from './parts.ts';
import { type FileRecord, filePath, recordFrom, uploadEndMs } from './record.ts';

/**
 * Deletes a file; false where there is none. For one in Cloud Storage the pipeline first takes a document that says
 * `deleted`, which wins over what is still queued about the file, and only then the object goes: cut off in between,
 * cleanup finds the document and deletes the object; later it removes the document too. `onlyOf`: the id of the key
 * that must have made it, where not every file may be deleted.
 * @throws DocumentError, AppError `unavailable`: repeating is safe; `conflict` where the object may be somebody else's;
 * `forbidden` where another key made it, or nobody knows which.
 */
export async function removeFile(
  { objects, documents, index, stamps, clock }: FileParts,
  fileId: string,
  onlyOf?: string,
): Promise<boolean> {
  const name = objectOf(fileId);
  if (name === undefined) return false;
  const object = await objects.describe(name);
  const record = object && recordOf(object);
  if (object !== undefined && record !== undefined) {
    checkMaker(record, onlyOf);
    if (!(await isOwn(object, documents))) {
      throw new AppError('conflict', 'Nothing says that this object is Sluice’s; delete it in the bucket.');
    }
    const expiresMs = Math.max(clock.now() + deletedMs, isDirect(object) ? uploadEndMs(record) : 0);
    await index.write({ ...record, status: 'deleted', expiresMs }, { stamp: stamps.next(), isPrompt: true });
    await objects.delete(object.name, object.generation);
    return true;
  }
  const path = filePath(fileId);
  const [found] = await documents.read([path], 'files');
  const present = recordFrom(fileId, found?.fields);
  if (present === undefined || present.status === 'deleted' || found?.version === undefined) return false;
  checkMaker(present, onlyOf);
  // Until its address ends an upload may still be completed: its object goes then by this mark.
  const mark = [
    { path: ['status'], value: 'deleted' },
    { path: ['expires_at'], value: new Date(uploadEndMs(present)) },
  ];
  const change = present.status === 'pending' ? { changes: mark } : { changes: 'deleted' as const };
  try {
    await documents.commit([{ path, ifVersion: found.version, ...change }], 'files');
  } catch (cause) {
    if (!(cause instanceof DocumentError && cause.failure === 'conflict')) throw cause;
    throw new AppError('unavailable', 'The file changed meanwhile; delete it again.', { cause });
  }
  return true;
}

function checkMaker({ madeBy }: FileRecord, onlyOf: string | undefined): void {
  if (onlyOf === undefined || madeBy === onlyOf) return;
  const other = madeBy === null ? 'it is not known which key made this one' : 'another key made this one';
  throw new AppError(
    'forbidden',
    `This key deletes files that it made itself; ${other}. An admin's key can.`,
  );
}
