import type { Stamp } from '../events/stamp.ts';
import type { Json } from '../platform/json.ts';
import type { ObjectFacts } from '../platform/objects.ts';
import type { Stager } from '../staging/groupStager.ts';
import { type FileRecord, fieldsOf, filePath } from './record.ts';

export interface LogOptions {
  stamp: Stamp;
  isPrompt?: boolean;
  isNew?: boolean;
}

/** Writes files' documents through the pipeline: durable when it resolves, in Firestore some seconds later. */
export interface FileLog {
  /**
   * The record becomes the file's document, unless one with a later stamp is there. `isPrompt`: without waiting for others;
   * `isNew`: most likely there is no document yet.
   * @throws AppError `unavailable`: not known to be kept.
   */
  write(record: FileRecord, options: LogOptions): Promise<void>;
}

/**
 * The stamp of what an object says about its file: the same each time it is said, so that repeating it changes nothing, and
 * earlier than whatever was accepted in the millisecond in which the object came to be.
 */
export function objectStamp({ createdMs }: Pick<ObjectFacts, 'createdMs'>): Stamp {
  return Math.floor(createdMs).toString(36).padStart(9, '0') + '0'.repeat(12);
}

/** Files' documents as operations of the pipeline. */
export function stagedLog(stager: Stager): FileLog {
  return {
    write: (record, { stamp, isPrompt = false, isNew = false }) =>
      stager.stage([
        {
          kind: 'operation',
          type: 'set',
          path: filePath(record.fileId),
          stamp,
          data: Object.fromEntries(
            Object.entries(fieldsOf(record)).map(([name, value]): [string, Json] => [
              name,
              value instanceof Date ? { $timestamp: value.toISOString() } : (value as Json),
            ]),
          ),
          ...(isPrompt ? { visibility: 'prompt' } : {}),
          ...(isNew ? { isNew: true } : {}),
        },
      ]),
  };
}
