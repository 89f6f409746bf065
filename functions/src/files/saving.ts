import type { Clock } from '../platform/clock.ts';
import { DocumentError, type DocumentStore } from '../platform/documents.ts';
import { AppError, messageOf } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { ObjectStore } from '../platform/objects.ts';
import { isOutage } from '../platform/outage.ts';
import { objectOf } from './fileId.ts';
import { maxInlineBytes } from './limits.ts';
import { newObject } from './object.ts';
import { patiently } from './outage.ts';
import {
  type FileClaim,
  type FileRecord,
  fieldsOf,
  filePath,
  newRecord,
  recordFrom,
  recordOf,
} from './record.ts';

export interface FileSaverOptions {
  objects: ObjectStore;
  documents: DocumentStore;
  clock: Clock;
  logger: Logger;
  /** INLINE_FILE_MAX_BYTES: what is larger goes to Cloud Storage. */
  inlineMaxBytes: number;
}

/** A claim whose bytes are at hand, so its hash is known. */
export type WholeFile = FileClaim & { sha256: string };

/** Keeps files whose bytes are at hand. */
export class FileSaver {
  readonly #options: FileSaverOptions;

  constructor(options: FileSaverOptions) {
    this.#options = options;
  }

  /**
   * Stores a small file in Firestore, with one write, and a large one in Cloud Storage; while Firestore is out, all of them.
   * A file with this id that is there already is returned as it is.
   * @throws AppError `unavailable`; `conflict` where the file that is there has other bytes, or none.
   */
  async save(file: WholeFile, bytes: Buffer): Promise<FileRecord> {
    const { inlineMaxBytes, logger } = this.#options;
    if (bytes.length <= Math.min(inlineMaxBytes, maxInlineBytes)) {
      try {
        const record = await this.#saveInline(file, bytes);
        if (record.location === 'firestore') return sameFile(file, record);
        // Its bytes are, or were to be, in Cloud Storage: what is there decides.
      } catch (error) {
        if (!isOutage(error)) throw error;
        logger.warn('Firestore is out; a small file goes to Cloud Storage', { reason: messageOf(error) });
      }
    }
    return sameFile(file, await this.saveObject(file, bytes));
  }

  /**
   * Stores a file in Cloud Storage, whose object carries its record and maybe more `labels`; the document follows by the
   * object's event.
   */
  async saveObject(
    file: WholeFile,
    bytes: Buffer,
    labels?: Readonly<Record<string, string>>,
  ): Promise<FileRecord> {
    const { objects, clock } = this.#options;
    const name = objectOf(file.fileId) ?? '';
    const object = newObject(file, { isDirect: false, customTimeMs: clock.now(), ...(labels && { labels }) });
    try {
      return recordIn(await objects.put(name, bytes, { ...object, ifGeneration: '0' }));
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'conflict')) throw error;
      return recordIn(await objects.describe(name));
    }
  }

  async #saveInline(file: WholeFile, bytes: Buffer): Promise<FileRecord> {
    const { documents, clock } = this.#options;
    const path = filePath(file.fileId);
    const record = newRecord(file, { location: 'firestore', status: 'stored', createdMs: clock.now() });
    const changes = Object.entries({ ...fieldsOf(record), content: bytes }).map(([name, value]) => ({
      path: [name],
      value,
    }));
    try {
      await patiently(clock, documents.commit([{ path, ifVersion: 'absent', changes }], 'files'));
      return record;
    } catch (error) {
      if (!(error instanceof DocumentError && error.failure === 'conflict')) throw error;
      const [present] = await patiently(clock, documents.read([path], 'files'));
      const record = recordFrom(file.fileId, present?.fields);
      if (record === undefined) throw error;
      return record;
    }
  }
}

function recordIn(object: Parameters<typeof recordOf>[0] | undefined): FileRecord {
  const record = object && recordOf(object);
  if (record === undefined) throw new AppError('unavailable', 'The file changed meanwhile; send it again.');
  return record;
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
