import { earlierBy } from '../events/stamp.ts';
import { DocumentError } from '../platform/documents.ts';
import { AppError, messageOf } from '../platform/errors.ts';
import { isOutage } from '../platform/outage.ts';
import { objectOf } from './fileId.ts';
import { uploadSessionMs } from './limits.ts';
import { findFile } from './lookup.ts';
import { directLabels, newObject } from './object.ts';
import { type FileParts, patiently } from './parts.ts';
import { type FileClaim, type FileRecord, newDocument, newRecord } from './record.ts';

/** The answer to who asks for an upload: an address for the bytes and its end, or none where they are there already. */
interface UploadTicket {
  record: FileRecord;
  upload?: { url: string; expiresMs: number };
}

/** Lead of an index entry over a late `pending`: the bucket's account wins even where the bucket's clock is behind. */
const pendingLeadMs = 10 * 60_000;

/** Members that two requests for one upload have in common. */
const sameness = ['fileName', 'contentType', 'fileType', 'size', 'sha256'] as const;

/**
 * Begins a direct upload: the bytes go from the uploader straight to the bucket. Its document says `pending`; the
 * name, type and declared size and hash are bound to the object. Asked for again, a pending one gets a further
 * address, a finished one none.
 * @throws DocumentError, AppError `unavailable`, `conflict` for an id that another file has; nothing is left then.
 */
export async function beginUpload(parts: FileParts, claim: FileClaim): Promise<UploadTicket> {
  const { objects, clock } = parts;
  const nowMs = clock.now();
  // As long as its address works the object may yet come to be.
  const customTimeMs = nowMs + uploadSessionMs;
  const object = newObject(claim, customTimeMs, directLabels(claim, nowMs));
  const wanted = newRecord(claim, { location: 'cloud_storage', status: 'pending', createdMs: nowMs });
  let url: string;
  try {
    url = await objects.startUpload(objectOf(claim.fileId) ?? '', claim.size, object);
  } catch (error) {
    // There is an object of this name.
    if (!(error instanceof AppError && error.code === 'conflict')) throw error;
    return { record: await sameUpload(parts, wanted) };
  }
  const record = await writePending(parts, wanted);
  if (record.status === 'stored') return { record };
  return { record, upload: { url, expiresMs: customTimeMs } };
}

/** Writes the document at once, so that the file can be asked for; while Firestore is out, by the pipeline. */
async function writePending(parts: FileParts, record: FileRecord): Promise<FileRecord> {
  const { documents, index, stamps, clock, logger } = parts;
  try {
    await patiently(clock, documents.commit([newDocument(record)], 'files'));
  } catch (error) {
    if (error instanceof DocumentError && error.failure === 'conflict') return sameUpload(parts, record);
    if (!isOutage(error)) throw error;
    logger.warn('Firestore is out; a pending upload is written later', { reason: messageOf(error) });
    await index.write(record, { stamp: earlierBy(pendingLeadMs, stamps.next()), isNew: true });
  }
  return record;
}

/** The record that is there under this id, where it is of the same upload, which is pending or finished. */
async function sameUpload(parts: FileParts, record: FileRecord): Promise<FileRecord> {
  const { file } = await findFile(parts, record.fileId);
  const present = file?.record;
  const isSame = sameness.every((name) => present?.[name] === record[name]);
  const isGood = present?.status === 'pending' || present?.status === 'stored';
  if (present !== undefined && isGood && isSame) return present;
  throw new AppError(
    'conflict',
    'This Idempotency-Key was used before, for another upload or one that failed.',
  );
}
