import { DocumentError } from '../platform/documents.ts';
import { AppError, messageOf } from '../platform/errors.ts';
import { isOutage } from '../platform/outage.ts';
import { objectOf } from './fileId.ts';
import { maxInlineBytes } from './limits.ts';
import { newObject, recordOf } from './object.ts';
import { type FileParts, patiently } from './parts.ts';
import { type FileClaim, type FileRecord, filePath, newDocument, newRecord, recordFrom } from './record.ts';

export interface SavingParts extends Pick<FileParts, 'objects' | 'documents' | 'clock' | 'logger'> {
  /** Hears of each file that is stored in Firestore; of others the flush writes the document. */
  noteStored(): void;
  /** The parameter INLINE_FILE_MAX_BYTES: larger files go to Cloud Storage. */
  inlineMaxBytes: number;
}

/** A claim whose bytes are at hand, so its hash is known. */
export type WholeFile = FileClaim & { sha256: string };

/**
 * Stores a small file in Firestore, with one write, and a large one in Cloud Storage; while Firestore is out, all of
 * them. A file with this id that is there already is returned as it is.
 * @throws AppError `unavailable`; `conflict` where the file that is there has other bytes, or none.
 */
export async function saveFile(parts: SavingParts, file: WholeFile, bytes: Buffer): Promise<FileRecord> {
  if (bytes.length <= Math.min(parts.inlineMaxBytes, maxInlineBytes)) {
    try {
      const record = await saveInline(parts, file, bytes);
      if (record.location === 'firestore') return sameFile(file, record);
      // Its bytes are, or were to be, in Cloud Storage: what is there decides.
    } catch (error) {
      if (!isOutage(error)) throw error;
      const reason = messageOf(error);
      parts.logger.warn('Firestore is out; a small file goes to Cloud Storage', { reason });
    }
  }
  return sameFile(file, await saveObject(parts, file, bytes));
}

/** Stores a file in Cloud Storage, with more `labels` than its record's; the document follows by the object's event. */
export async function saveObject(
  { objects, clock }: Pick<FileParts, 'objects' | 'clock'>,
  file: WholeFile,
  bytes: Buffer,
  labels: Readonly<Record<string, string>> = {},
): Promise<FileRecord> {
  const name = objectOf(file.fileId) ?? '';
  const object = newObject(file, clock.now(), labels);
  const stored = await objects.put(name, bytes, { ...object, ifGeneration: '0' }).catch((error: unknown) => {
    if (!(error instanceof AppError && error.code === 'conflict')) throw error;
    return objects.describe(name);
  });
  const record = stored && recordOf(stored);
  if (record === undefined) throw new AppError('unavailable', 'The file changed meanwhile; send it again.');
  return record;
}

async function saveInline(
  { documents, clock, noteStored }: SavingParts,
  file: WholeFile,
  bytes: Buffer,
): Promise<FileRecord> {
  const created = newRecord(file, { location: 'firestore', status: 'stored', createdMs: clock.now() });
  try {
    await patiently(clock, documents.commit([newDocument(created, { content: bytes })], 'files'));
    noteStored();
    return created;
  } catch (error) {
    if (!(error instanceof DocumentError && error.failure === 'conflict')) throw error;
    const [present] = await patiently(clock, documents.read([filePath(file.fileId)], 'files'));
    const record = recordFrom(file.fileId, present?.fields);
    if (record === undefined) throw error;
    return record;
  }
}

function sameFile(file: WholeFile, record: FileRecord): FileRecord {
  if (record.sha256 !== file.sha256) {
    throw new AppError('conflict', 'This Idempotency-Key was used before, with other bytes.');
  }
  // Of an upload that is pending, failed or deleted the hash is only what was declared: no bytes are kept.
  if (record.status === 'stored') return record;
  throw new AppError(
    'conflict',
    `This Idempotency-Key was used before, for a file that is ${record.status}; send it with another.`,
  );
}
