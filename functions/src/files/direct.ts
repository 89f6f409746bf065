import { createHash } from 'node:crypto';
import { earlierBy, type StampSource } from '../events/stamp.ts';
import type { Clock } from '../platform/clock.ts';
import { DocumentError, type DocumentStore } from '../platform/documents.ts';
import { AppError, messageOf } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { ObjectFacts, ObjectStore } from '../platform/objects.ts';
import { isOutage } from '../platform/outage.ts';
import { objectOf } from './fileId.ts';
import { type FileLog, objectStamp } from './fileLog.ts';
import { uploadSessionMs } from './limits.ts';
import { isOwn, newObject } from './object.ts';
import { patiently } from './outage.ts';
import {
  begunLabel,
  checkedLabel,
  type FileClaim,
  type FileRecord,
  failedRecord,
  fieldsOf,
  filePath,
  isDirect,
  newRecord,
  recordFrom,
  recordOf,
} from './record.ts';

export interface DirectUploadOptions {
  objects: ObjectStore;
  documents: DocumentStore;
  log: FileLog;
  stamps: StampSource;
  clock: Clock;
  logger: Logger;
}

/** Where an uploader sends the bytes, and until when; nowhere where they are there already. */
export interface UploadTicket {
  record: FileRecord;
  upload?: { url: string; expiresMs: number };
}

/** An event that comes this late may be about a file that is deleted by now. */
const lateMs = 5 * 60_000;

/** A `pending` written late is this much older, so that what the bucket says wins even where its clock is behind. */
const pendingLeadMs = 10 * 60_000;

/** What two requests for one upload have in common. */
const sameness = ['fileName', 'contentType', 'fileType', 'size', 'sha256'] as const;

/** Files whose bytes go from the uploader straight to the bucket. */
export class DirectUploads {
  readonly #options: DirectUploadOptions;

  constructor(options: DirectUploadOptions) {
    this.#options = options;
  }

  /**
   * Begins an upload. Its document says `pending`; the name, type and declared size and hash are bound to the object.
   * Asked for again, a pending one gets a further address, a finished one none.
   * @throws DocumentError, AppError `unavailable`, `conflict` for an id that another file has; nothing is left then.
   */
  async begin(claim: FileClaim): Promise<UploadTicket> {
    const { objects, clock } = this.#options;
    const nowMs = clock.now();
    // As long as its address works the object may yet come to be.
    const customTimeMs = nowMs + uploadSessionMs;
    const object = newObject(claim, { isDirect: true, customTimeMs, labels: begunLabel(nowMs) });
    const wanted = newRecord(claim, { location: 'cloud_storage', status: 'pending', createdMs: nowMs });
    let url: string;
    try {
      url = await objects.startUpload(objectOf(claim.fileId) ?? '', claim.size, object);
    } catch (error) {
      // There is an object of this name.
      if (!(error instanceof AppError && error.code === 'conflict')) throw error;
      return { record: await this.#sameUpload(wanted) };
    }
    const record = await this.#writePending(wanted);
    if (record.status === 'stored') return { record };
    return { record, upload: { url, expiresMs: customTimeMs } };
  }

  /** Directly, so that the file can be asked for at once; while Firestore is out, through the pipeline. */
  async #writePending(record: FileRecord): Promise<FileRecord> {
    const { documents, log, stamps, clock, logger } = this.#options;
    const changes = Object.entries(fieldsOf(record)).map(([name, value]) => ({ path: [name], value }));
    const write = { path: filePath(record.fileId), ifVersion: 'absent', changes } as const;
    try {
      await patiently(clock, documents.commit([write], 'files'));
    } catch (error) {
      if (error instanceof DocumentError && error.failure === 'conflict') return this.#sameUpload(record);
      if (!isOutage(error)) throw error;
      logger.warn('Firestore is out; a pending upload is written later', { reason: messageOf(error) });
      await log.write(record, { stamp: earlierBy(pendingLeadMs, stamps.next()), isNew: true });
    }
    return record;
  }

  /** The record that is there under this id, where it is of the same upload, which is pending or finished. */
  async #sameUpload(record: FileRecord): Promise<FileRecord> {
    const { documents, objects } = this.#options;
    // The object is there before its document says so.
    const object = await objects.describe(objectOf(record.fileId) ?? '');
    const read = () => documents.read([filePath(record.fileId)], 'files');
    const present = (object && recordOf(object)) ?? recordFrom(record.fileId, (await read()).at(0)?.fields);
    const isSame = sameness.every((name) => present?.[name] === record[name]);
    const isGood = present?.status === 'pending' || present?.status === 'stored';
    if (present !== undefined && isGood && isSame) return present;
    throw new AppError(
      'conflict',
      'This Idempotency-Key was used before, for another upload or one that failed.',
    );
  }

  /**
   * Works on an object that is complete, whoever wrote it: its record becomes its document. One that is not as it was
   * declared is removed. May be repeated. Objects that are not surely Sluice's are none of its business.
   * `eventMs`: when the bucket announced it.
   */
  async finalized(object: ObjectFacts, eventMs: number): Promise<void> {
    const { objects, documents, log, clock, logger } = this.#options;
    const found = recordOf(object);
    if (found === undefined) return;
    if (clock.now() - eventMs > lateMs) {
      const present = await objects.describe(object.name);
      if (present?.generation !== object.generation) return;
    }
    if (!(await isOwn(object, documents))) return;
    const record = found.status === 'pending' ? await this.#check(found, object) : found;
    if (isDirect(object) && (await this.#isDeleted(record))) {
      await objects.delete(object.name, object.generation);
      return;
    }
    await log.write(record, { stamp: objectStamp(object), isNew: !isDirect(object) });
    if (record.status === 'failed') {
      logger.warn('An upload is not as declared; its object is removed', { reason: record.reason });
      await objects.delete(object.name, object.generation);
    }
  }

  /** Whether the file was deleted while its upload was pending; the address cannot be taken back. */
  async #isDeleted({ fileId }: FileRecord): Promise<boolean> {
    const [found] = await this.#options.documents.read([filePath(fileId)], 'files');
    return found?.fields?.['status'] === 'deleted';
  }

  /** Compares a declared SHA-256, which Cloud Storage does not know, with the bytes, a piece at a time. */
  async #check(record: FileRecord, object: ObjectFacts): Promise<FileRecord> {
    const { objects } = this.#options;
    const hash = createHash('sha256');
    for await (const piece of await objects.open(object)) hash.update(piece as Buffer);
    const actual = hash.digest('hex');
    if (actual !== record.sha256)
      return failedRecord(record, `The SHA-256 of what came is ${actual}.`, object.createdMs);
    await objects.label(object, checkedLabel);
    return { ...record, status: 'stored' };
  }
}
