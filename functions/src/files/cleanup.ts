import { DocumentError, type DocumentWrite, type Fields, type ReadDocument } from '../platform/documents.ts';
import { UnknownVersion } from '../platform/errors.ts';
import type { ObjectFacts } from '../platform/objects.ts';
import { allObjects, keepTotals } from './figures.ts';
import { folderOfId, objectOf } from './fileId.ts';
import { objectStamp } from './fileIndex.ts';
import { finalize } from './finalize.ts';
import { keepQuiet, type LastWrite, lastWrite } from './lastWrite.ts';
import { deletedMs, maxDuePages, maxListedPages, maxObjectsPage, temporaryMs } from './limits.ts';
import { isDirect, isLabelled, recordOf } from './object.ts';
import type { FileParts } from './parts.ts';
import { type FileRecord, filePath, filesCollection, recordFrom, uploadEndMs } from './record.ts';

export interface CleanupOptions extends Omit<FileParts, 'stamps'> {
  /** The purpose of reads that need no lease: two each hour. */
  firstPurpose: string;
}

/** Figures of one cleanup. */
export interface CleanupReport {
  /** Files of which something was deleted. */
  deleted: number;
  objects: number;
  documents: number;
  /** Objects whose documents were missing and are written again. */
  repaired: number;
  /** False where a further run has more to do. */
  is_complete: boolean;
}

/** One cleanup. Objects and files that came since `oldestKeptMs` are too young to judge. */
interface Run extends CleanupOptions {
  maxAgeMs: number;
  oldestKeptMs: number;
  /** True where one page of the objects, another each day, is compared with its documents as well. */
  isThorough: boolean;
  /** True where somebody asked for it: Firestore is asked as well, whatever is known of the last write. */
  isAsked: boolean;
  report: CleanupReport;
}

const purpose = 'cleanup';
const dayMs = 86_400_000;
const maxDuePage = 200;

/**
 * Removes what nobody needs: temporary files and failed uploads older than `maxAgeMs`, uploads whose address ended,
 * remains of deleted files. Whatever is not surely Sluice's stays. Bounded: at most 1,000 due documents, one listing
 * of up to 100,000 objects. With nothing to do it costs two billed reads at most, and none where it found before that
 * no document expires and none was written since.
 * @throws DocumentError; what was done stays done.
 */
export async function cleanUp(
  options: CleanupOptions,
  scope: Pick<Run, 'maxAgeMs' | 'isThorough' | 'isAsked'>,
): Promise<CleanupReport> {
  const { objects, clock, logger } = options;
  const report: CleanupReport = { deleted: 0, objects: 0, documents: 0, repaired: 0, is_complete: true };
  const run = { ...options, ...scope, oldestKeptMs: clock.now() - scope.maxAgeMs, report };
  const last = await lastWrite(objects, clock.now());
  const isAwake = run.isAsked || !last.isQuiet;
  if (isAwake) await removeDue(run, last);
  const { pages, isWhole } = await allObjects(objects, maxListedPages);
  if (isWhole) await keepTotals(objects, pages.flat(), clock.now());
  else report.is_complete = false;
  for (const object of pages.flat()) await judge(run, object);
  if (run.isThorough && isAwake) await compare(run, pages);
  if (report.deleted > 0 || report.repaired > 0) logger.info('Cleaned up files', { ...report });
  return report;
}

/** Removes files whose documents are due: the object goes first, so that a cut leaves the document. */
async function removeDue(run: Run, last: LastWrite): Promise<void> {
  const { objects, documents, clock, firstPurpose, maxAgeMs, isThorough } = run;
  // A temporary file expires a day after it came: one that came `maxAgeMs` ago expired, or will, at this time.
  const cutoff = new Date(clock.now() + temporaryMs - maxAgeMs + 1);
  const byExpiry = { collection: filesCollection, orderBy: [{ field: 'expires_at' }] };
  const ever = [{ field: 'expires_at', op: '>' as const, value: new Date(0) }];
  const [first] = (await documents.query({ ...byExpiry, filters: ever, limit: 1 }, firstPurpose)).documents;
  if (first === undefined && last.isLongAgo && !last.isQuiet) await keepQuiet(objects, last);
  const firstExpiry = first?.fields?.['expires_at'];
  if (!(firstExpiry instanceof Date && firstExpiry < cutoff)) return;
  const query = {
    ...byExpiry,
    filters: [{ field: 'expires_at', op: '<' as const, value: cutoff }],
  };
  let after: string | undefined;
  for (let page = 0; page < maxDuePages; page += 1) {
    const due = await documents.query({ ...query, limit: maxDuePage, after }, purpose);
    const writes: DocumentWrite[] = [];
    for (const { path, fields, version } of due.documents) {
      const record = knownRecord(path, fields);
      if (record === undefined || version === undefined) continue;
      if (await removeObject(run, record, cutoff.getTime()))
        writes.push({ path, ifVersion: version, changes: 'deleted' });
    }
    await removeDocuments(run, writes);
    if (due.documents.length < maxDuePage) return;
    // Others' documents, in a collection of the same name, are not read again each hour.
    if (writes.length === 0 && !isThorough) break;
    after = due.cursor;
  }
  run.report.is_complete = false;
}

/** The record in a document, unless it is somebody else's, or of a version to come: those stay. */
function knownRecord(path: string, fields: Fields | undefined): FileRecord | undefined {
  try {
    return recordFrom(path.slice(filesCollection.length + 1), fields);
  } catch (error) {
    if (error instanceof UnknownVersion) return undefined;
    throw error;
  }
}

/** Removes documents as they were judged: where one was written since, all stay until the next run. */
async function removeDocuments({ documents, report }: Run, writes: readonly DocumentWrite[]): Promise<void> {
  if (writes.length === 0) return;
  try {
    await documents.commit(writes, purpose);
    report.documents += writes.length;
    report.deleted += writes.length;
  } catch (error) {
    if (!(error instanceof DocumentError && error.failure === 'conflict')) throw error;
    report.is_complete = false;
  }
}

/** Removes the object of a document that is due; false where the document must stay all the same. */
async function removeObject(run: Run, document: FileRecord, cutoffMs: number): Promise<boolean> {
  const { objects, clock } = run;
  const { fileId, location, status, expiresMs } = document;
  // A deletion is remembered, and an upload awaited, for as long as the document says, whatever age was asked for.
  if ((status === 'deleted' || status === 'pending') && (expiresMs ?? 0) > clock.now()) return false;
  const name = objectOf(fileId);
  if (name === undefined || location !== 'cloud_storage') return true;
  const object = await objects.describe(name);
  const record = object && recordOf(object);
  if (object === undefined || record === undefined) return true;
  if (!isDeleted(document, object) && (record.expiresMs ?? cutoffMs) >= cutoffMs) {
    // It is complete, or was sent again after that, and only its event is late or lost.
    if (record.status === 'stored' || status === 'pending') {
      await finalize(run, object, clock.now());
      run.report.repaired += 1;
      return false;
    }
  }
  await objects.delete(object.name, object.generation);
  return true;
}

/** True where a document remembers the deletion of this object; another may have been sent since. */
function isDeleted(document: FileRecord, object: ObjectFacts): boolean {
  if (document.status !== 'deleted') return false;
  const { expiresMs } = document;
  // When an upload was deleted is not known, but no other object was there then.
  return expiresMs === uploadEndMs(document)
    ? isDirect(object)
    : object.createdMs <= (expiresMs ?? 0) - deletedMs;
}

/** Judges an old object by itself: its document may be missing, or its event lost before its hash was compared. */
async function judge(run: Run, object: ObjectFacts): Promise<void> {
  const { objects, clock, oldestKeptMs, report } = run;
  const record = recordOf(object);
  if (record === undefined || object.createdMs > oldestKeptMs || !isLabelled(object)) return;
  if (folderOfId(record.fileId) === 'temp' || record.status === 'failed') {
    await objects.delete(object.name, object.generation);
    report.objects += 1;
    report.deleted += 1;
  } else if (record.status === 'pending') {
    await finalize(run, object, clock.now());
    report.repaired += 1;
  }
}

/** Compares a page of the objects with its documents: by their number first. */
async function compare(run: Run, pages: readonly (readonly ObjectFacts[])[]): Promise<void> {
  const { documents, clock, firstPurpose, oldestKeptMs } = run;
  const turn = Math.floor(clock.now() / dayMs) % Math.max(1, pages.length);
  const page = pages[turn] ?? [];
  // The first and the last page reach to the ends: a document there may be without any object.
  const after = turn === 0 ? '' : (page[0]?.name ?? '');
  const last = turn >= pages.length - 1 ? '~' : (pages[turn + 1]?.[0]?.name ?? '~');
  const stored = page.filter((object) => recordOf(object)?.status === 'stored');
  const old = stored.filter(({ createdMs }) => createdMs <= oldestKeptMs).length;
  const range = {
    collection: filesCollection,
    filters: [
      { field: 'object', op: '>=' as const, value: after },
      { field: 'object', op: '<' as const, value: last },
    ],
    orderBy: [{ field: 'object' }],
  };
  if (page.length === 0) {
    const any = await documents.query({ ...range, limit: 1 }, firstPurpose);
    if (any.documents.length === 0) return;
  }
  const count = await documents.count(range, purpose);
  if (count >= old && count <= stored.length) return;
  const found = await documents.query({ ...range, limit: maxObjectsPage }, purpose);
  await mend(run, page, found.documents);
}

/**
 * Writes missing documents again, from the records of their objects: none that was accepted is deleted for want of one.
 * Removes documents whose objects are gone.
 */
async function mend(run: Run, page: readonly ObjectFacts[], found: readonly ReadDocument[]): Promise<void> {
  const { objects, index, logger, oldestKeptMs, report } = run;
  const described = new Map(
    found.flatMap(({ path, fields, version }) => {
      const record = knownRecord(path, fields);
      return record && version ? [[record.fileId, { ...record, version }] as const] : [];
    }),
  );
  for (const object of page) {
    const record = recordOf(object);
    if (record?.status !== 'stored' || object.createdMs > oldestKeptMs || !isLabelled(object)) continue;
    if (described.has(record.fileId)) continue;
    await index.write(record, { stamp: objectStamp(object) });
    report.repaired += 1;
  }
  const present = new Set(page.map(({ name }) => name));
  for (const { fileId, createdMs, version } of described.values()) {
    const name = objectOf(fileId) ?? '';
    // The listing is a moment old, so that the object is asked for itself.
    if (createdMs > oldestKeptMs || present.has(name) || (await objects.describe(name))) continue;
    logger.warn('A file’s object is gone; its document is removed', { file_id: fileId });
    await removeDocuments(run, [{ path: filePath(fileId), ifVersion: version, changes: 'deleted' }]);
  }
}
