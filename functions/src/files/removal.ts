import type { StampSource } from '../events/stamp.ts';
import type { Clock } from '../platform/clock.ts';
import type { DocumentStore } from '../platform/documents.ts';
import type { FileObjects } from '../platform/fileObjects.ts';
import { objectOf } from './fileId.ts';
import type { FileLog } from './fileLog.ts';
import { deletedMs } from './limits.ts';
import { orUnavailable } from './outage.ts';
import { filePath, recordFrom, recordOf } from './record.ts';

export interface FileRemovalOptions {
  objects: Pick<FileObjects, 'describe' | 'delete'>;
  documents: Pick<DocumentStore, 'read' | 'commit'>;
  log: FileLog;
  stamps: StampSource;
  clock: Clock;
}

/**
 * Deletes a file; false where there is none. For one in Cloud Storage the pipeline first takes a document that says
 * `deleted`, which wins over what is still queued about the file, and only then the object goes: cut off in between,
 * cleanup finds the document and deletes the object; later it removes the document too.
 * @throws AppError `unavailable`: repeating is safe.
 */
export async function removeFile(
  { objects, documents, log, stamps, clock }: FileRemovalOptions,
  fileId: string,
): Promise<boolean> {
  const name = objectOf(fileId);
  if (name === undefined) return false;
  const object = await objects.describe(name);
  const record = object && recordOf(object);
  if (record !== undefined) {
    const expiresMs = clock.now() + deletedMs;
    await log.write({ ...record, status: 'deleted', expiresMs }, { stamp: stamps.next(), isPrompt: true });
    await objects.delete(name);
    return true;
  }
  const path = filePath(fileId);
  const [found] = await orUnavailable(clock, documents.read([path], 'files'));
  if (found?.fields === undefined || recordFrom(fileId, found.fields).status === 'deleted') return false;
  await orUnavailable(clock, documents.commit([{ path, ifVersion: 'any', changes: 'deleted' }], 'files'));
  return true;
}
