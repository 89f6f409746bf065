import { storageBucket } from 'firebase-functions/params';
import { fileIndex } from '../files/fileIndex.ts';
import { notingWrites } from '../files/lastWrite.ts';
import { storageMs, storagePutMs } from '../files/limits.ts';
import type { FileParts } from '../files/parts.ts';
import { cloudObjects } from '../platform/cloudStorage.ts';
import { once } from '../platform/once.ts';
import type { HolderKind } from '../quota/ledgerState.ts';
import { base, clock, storage } from './base.ts';
import { documentsFor } from './database.ts';
import { stager, stamps } from './http.ts';

/** The bucket, with the time limits that files need. */
export const fileObjects = once(() =>
  cloudObjects(storageBucket.value(), { clock, limitMs: storageMs, putMs: storagePutMs }, storage),
);

/** Services by which files are kept, with the leases of such a holder. */
export function fileParts(kind: HolderKind): FileParts {
  return notingWrites({
    objects: fileObjects(),
    documents: documentsFor(kind),
    index: fileIndex(stager()),
    stamps: stamps(),
    clock,
    logger: base().logger,
  });
}
