import type { StampSource } from '../events/stamp.ts';
import { type Clock, within } from '../platform/clock.ts';
import { DocumentError, type DocumentStore } from '../platform/documents.ts';
import type { Using } from '../platform/services.ts';
import type { FileIndex } from './fileIndex.ts';
import { patienceMs } from './limits.ts';

/** Services by which files are kept; each part of this room takes those that it needs. */
export interface FileParts extends Using<'clock' | 'logger' | 'objects'> {
  documents: DocumentStore;
  index: FileIndex;
  stamps: StampSource;
}

/** Waits for Firestore where there is another way: taking too long is an outage as well. */
export function patiently<Result>(clock: Clock, work: Promise<Result>): Promise<Result> {
  return within(clock, patienceMs, work, () => new DocumentError('unavailable', 'Firestore takes too long.'));
}
