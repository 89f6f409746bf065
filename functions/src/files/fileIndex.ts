import { adoptedStamp, type Stamp } from '../events/stamp.ts';
import type { Json } from '../platform/json.ts';
import type { ObjectFacts } from '../platform/objects.ts';
import type { Stager } from '../staging/groupStager.ts';
import { type FileRecord, fieldsOf, filePath } from './record.ts';

export interface IndexOptions {
  stamp: Stamp;
  /** The document is written without waiting for others. */
  isPrompt?: boolean;
  /** Most likely there is no document yet. */
  isNew?: boolean;
}

/** The file index: a document for each file, written through the pipeline and in Firestore seconds later. */
export interface FileIndex {
  /**
   * Makes the record the file's document, unless one with a later stamp is there; durable when it resolves.
   * @throws AppError `unavailable`: not known to be kept.
   */
  write(record: FileRecord, options: IndexOptions): Promise<void>;
}

/**
 * The stamp of an object's own account of its file: the same each time it is given, so that repeating it changes
 * nothing, and earlier than whatever was accepted in the millisecond in which the object came to be.
 */
export function objectStamp({ createdMs }: Pick<ObjectFacts, 'createdMs'>): Stamp {
  return adoptedStamp(createdMs);
}

/** Files' documents as operations of the pipeline. */
export function fileIndex(stager: Stager): FileIndex {
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
