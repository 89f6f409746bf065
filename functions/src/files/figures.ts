import type { Clock } from '../platform/clock.ts';
import { countReads, type DocumentStore } from '../platform/documents.ts';
import type { ObjectFacts, ObjectStore } from '../platform/objects.ts';
import { cachedFor } from '../platform/once.ts';
import { type Folder, folderOfId, folders } from './fileId.ts';
import { countCacheMs, countRetryMs, listingCacheMs, maxObjectsPage } from './limits.ts';
import { recordOf } from './object.ts';
import { filesCollection } from './record.ts';

/** Files in Cloud Storage by folder. */
export type FolderTotals = Record<Folder, { files: number; bytes: number }>;

/** The status' figures of files; null: unknown. */
export interface FileFigures {
  local_storage: FolderTotals | null;
  firestore_files: number | null;
  total_files: number | null;
  total_bytes: number | null;
  /** The time of the listing. */
  as_of: string | null;
}

const totalsObject = 'control/files.json';
const sorted = folders.toSorted();

/** Every object in the files' folders, by pages of the bucket's listing; `isWhole`: those were all. */
export async function allObjects(
  objects: Pick<ObjectStore, 'list'>,
  maxPages: number,
): Promise<{ pages: ObjectFacts[][]; isWhole: boolean }> {
  const pages: ObjectFacts[][] = [];
  const before = `${sorted.at(-1)}0`;
  let after = `${sorted[0]}/`;
  while (pages.length < maxPages) {
    const listed = await objects.list('', { after, before, limit: maxObjectsPage });
    const page = listed.filter(({ name }) => folders.some((folder) => name.startsWith(`${folder}/`)));
    if (page.length > 0) pages.push(page);
    const last = listed.at(-1);
    if (last === undefined || listed.length < maxObjectsPage) return { pages, isWhole: true };
    after = last.name;
  }
  return { pages, isWhole: false };
}

function totalsAt(objects: readonly ObjectFacts[], nowMs: number): StoredTotals {
  const totals = Object.fromEntries(
    folders.map((folder) => [folder, { files: 0, bytes: 0 }]),
  ) as FolderTotals;
  for (const object of objects) {
    const folder = folderOfId(recordOf(object)?.fileId ?? '');
    if (folder === undefined) continue;
    totals[folder].files += 1;
    totals[folder].bytes += object.bytes;
  }
  return { totals, as_of: new Date(nowMs).toISOString() };
}

/** Keeps totals for when there are too many objects to list. */
export async function keepTotals(
  bucket: Pick<ObjectStore, 'put'>,
  objects: readonly ObjectFacts[],
  nowMs: number,
): Promise<void> {
  if (objects.length < maxObjectsPage) return;
  const content = Buffer.from(JSON.stringify(totalsAt(objects, nowMs)));
  await bucket.put(totalsObject, content, { contentType: 'application/json' });
}

interface StoredTotals {
  totals: FolderTotals;
  as_of: string;
}

/**
 * Reads figures of files; never rejects. Asking costs one list of the bucket, or past 1,000 objects the totals that
 * cleanup kept, once a minute; and one count in Firestore, which bills a read for each 1,000 files there and is good
 * for a quarter of an hour for each of them.
 */
export function fileFigures({
  objects,
  documents,
  clock,
}: {
  objects: Pick<ObjectStore, 'list' | 'get'>;
  documents: Pick<DocumentStore, 'count'>;
  clock: Clock;
}): () => Promise<FileFigures> {
  const inline = { field: 'location', op: '==', value: 'firestore' } as const;
  const listing = cachedFor(clock, listingCacheMs, () => presentTotals(objects, clock.now()));
  const count = async (): Promise<number | null> => {
    try {
      return await documents.count({ collection: filesCollection, filters: [inline] }, 'files');
    } catch {
      return null;
    }
  };
  const counted = cachedFor(clock, countRetryMs, count, countLifetimeMs);
  return async () => {
    const [kept, inFirestore] = await Promise.all([listing().catch(() => undefined), counted()]);
    const folderTotals = kept && Object.values(kept.totals);
    const inBucket = folderTotals?.reduce((sum, { files }) => sum + files, 0);
    return {
      local_storage: kept?.totals ?? null,
      firestore_files: inFirestore,
      total_files: inBucket === undefined || inFirestore === null ? null : inBucket + inFirestore,
      total_bytes: folderTotals?.reduce((sum, { bytes }) => sum + bytes, 0) ?? null,
      as_of: kept?.as_of ?? null,
    };
  };
}

async function presentTotals(
  objects: Pick<ObjectStore, 'list' | 'get'>,
  nowMs: number,
): Promise<StoredTotals | undefined> {
  const { pages, isWhole } = await allObjects(objects, 1);
  if (isWhole) return totalsAt(pages.flat(), nowMs);
  const stored = await objects.get(totalsObject);
  return stored && (JSON.parse(stored.bytes.toString('utf8')) as StoredTotals);
}

/** The first count of an instance finds no lease that covers it, but asks for one. */
function countLifetimeMs(counted: number | null): number {
  return counted === null ? countRetryMs : countCacheMs * countReads(counted);
}
