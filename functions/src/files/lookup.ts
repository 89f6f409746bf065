import { within } from '../platform/clock.ts';
import type { Fields } from '../platform/documents.ts';
import { AppError } from '../platform/errors.ts';
import type { ObjectFacts } from '../platform/objects.ts';
import { objectOf } from './fileId.ts';
import { patienceMs } from './limits.ts';
import { recordOf } from './object.ts';
import type { FileParts } from './parts.ts';
import { type FileRecord, filePath, recordFrom } from './record.ts';

/** A file, with its bytes or the object that holds them where it is stored. */
export interface FoundFile {
  record: FileRecord;
  content?: Buffer;
  object?: ObjectFacts;
}

/**
 * Finds a file by its id; undefined where there is none. The object is asked first: it is there before its document,
 * and when Firestore is out; so a file in Cloud Storage costs no billed read.
 * @throws DocumentError, AppError `unavailable`
 */
export async function findFile(
  { objects, documents, clock }: Pick<FileParts, 'objects' | 'documents' | 'clock'>,
  fileId: string,
): Promise<{ file: FoundFile | undefined; reads: number }> {
  const name = objectOf(fileId);
  if (name === undefined) return { file: undefined, reads: 0 };
  const late = () => new AppError('unavailable', 'Cloud Storage takes too long.');
  const [described] = await Promise.allSettled([within(clock, patienceMs, objects.describe(name), late)]);
  const object = described.status === 'fulfilled' ? described.value : undefined;
  const record = object && recordOf(object);
  if (object !== undefined && record !== undefined) return { file: { record, object }, reads: 0 };
  const [document] = await documents.read([filePath(fileId)], 'files');
  const file = fileInDocument(fileId, document?.fields);
  if (file?.content === undefined && described.status === 'rejected') throw described.reason;
  return { file, reads: 1 };
}

function fileInDocument(fileId: string, fields: Fields | undefined): FoundFile | undefined {
  const record = recordFrom(fileId, fields);
  const content = fields?.['content'];
  if (record === undefined || record.status === 'deleted') return undefined;
  if (record.status !== 'stored') return { record };
  // Stored in Cloud Storage, and yet there is no object: it is being deleted.
  if (record.location !== 'firestore' || !(content instanceof Uint8Array)) return undefined;
  return { record, content: Buffer.from(content.buffer, content.byteOffset, content.byteLength) };
}
