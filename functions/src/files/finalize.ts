import { createHash } from 'node:crypto';
import type { ObjectFacts, ObjectStore } from '../platform/objects.ts';
import { objectStamp } from './fileIndex.ts';
import { checkedLabel, isDirect, isOwn, recordOf } from './object.ts';
import type { FileParts } from './parts.ts';
import { type FileRecord, failedRecord, filePath } from './record.ts';

/** Age from which an event may be about a file that is deleted by now. */
const lateMs = 5 * 60_000;

/**
 * Works on an object that is complete, whoever wrote it: its record becomes its document. One that is not as it was
 * declared is removed. May be repeated. Objects that are not surely Sluice's are none of its business.
 * `eventMs`: when the bucket announced it.
 */
export async function finalize(
  { objects, documents, index, clock, logger }: Omit<FileParts, 'stamps'>,
  object: ObjectFacts,
  eventMs: number,
): Promise<void> {
  const found = recordOf(object);
  if (found === undefined) return;
  if (clock.now() - eventMs > lateMs) {
    const present = await objects.describe(object.name);
    if (present?.generation !== object.generation) return;
  }
  if (!(await isOwn(object, documents))) return;
  const record = found.status === 'pending' ? await checked(objects, found, object) : found;
  if (isDirect(object)) {
    // The file may have been deleted while its upload was pending; the address cannot be taken back.
    const [document] = await documents.read([filePath(record.fileId)], 'files');
    if (document?.fields?.['status'] === 'deleted') {
      await objects.delete(object.name, object.generation);
      return;
    }
  }
  await index.write(record, { stamp: objectStamp(object), isNew: !isDirect(object) });
  if (record.status === 'failed') {
    logger.warn('An upload is not as declared; its object is removed', { reason: record.reason });
    await objects.delete(object.name, object.generation);
  }
}

/** Compares a declared SHA-256, which Cloud Storage does not know, with the bytes, a piece at a time. */
async function checked(objects: ObjectStore, record: FileRecord, object: ObjectFacts): Promise<FileRecord> {
  const hash = createHash('sha256');
  for await (const piece of await objects.open(object)) hash.update(piece as Buffer);
  const actual = hash.digest('hex');
  if (actual !== record.sha256)
    return failedRecord(record, `The SHA-256 of what came is ${actual}.`, object.createdMs);
  await objects.label(object, checkedLabel);
  return { ...record, status: 'stored' };
}
