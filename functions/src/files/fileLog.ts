import type { Stamp } from '../events/stamp.ts';
import { sha256Hex } from '../platform/ids.ts';
import type { FileRecord } from './record.ts';

/** Writes files' documents through the pipeline: durable when it resolves, in Firestore some seconds later. */
export interface FileLog {
  /**
   * The record becomes the file's document, unless one with a later stamp is there. `isPrompt`: without waiting for others.
   * @throws AppError `unavailable`: not known to be kept.
   */
  write(record: FileRecord, options: { stamp: Stamp; isPrompt: boolean }): Promise<void>;
}

/**
 * The stamp of what an object says about its file: the same each time it is said, so that repeating it changes nothing.
 * `createdMs` is the object's.
 */
export function objectStamp({ fileId, createdMs }: Pick<FileRecord, 'fileId' | 'createdMs'>): Stamp {
  const unique = BigInt(`0x${sha256Hex(fileId).slice(0, 16)}`)
    .toString(36)
    .padStart(12, '0')
    .slice(-12);
  return Math.floor(createdMs).toString(36).padStart(9, '0') + unique;
}
