import { DirectUploads } from '../files/direct.ts';
import { stagedLog } from '../files/fileLog.ts';
import { type ObjectResource, objectFacts } from '../platform/cloudStorage.ts';
import { base, clock } from './base.ts';
import { fileObjects } from './bucket.ts';
import { documentsFor } from './database.ts';
import { stager, stamps } from './http.ts';

/** Works on objects that are complete. */
export function start(): (object: ObjectResource, eventMs: number) => Promise<void> {
  const { logger } = base();
  const direct = new DirectUploads({
    objects: fileObjects(),
    documents: documentsFor('worker'),
    log: stagedLog(stager()),
    stamps: stamps(),
    clock,
    logger,
  });
  return (object, eventMs) => direct.finalized(objectFacts(object), eventMs);
}
