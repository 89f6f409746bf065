import type { StampSource } from '../events/stamp.ts';
import type { Clock } from '../platform/clock.ts';
import type { DocumentStore } from '../platform/documents.ts';
import type { Logger } from '../platform/logger.ts';
import type { ObjectStore } from '../platform/objects.ts';
import type { FileIndex } from './fileIndex.ts';

/** Services by which files are kept; each part of this room takes those that it needs. */
export interface FileParts {
  objects: ObjectStore;
  documents: DocumentStore;
  index: FileIndex;
  stamps: StampSource;
  clock: Clock;
  logger: Logger;
}
