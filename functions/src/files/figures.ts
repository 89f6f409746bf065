import type { Clock } from '../platform/clock.ts';
import { countReads, type DocumentStore } from '../platform/documents.ts';
import type { ObjectFacts, ObjectStore } from '../platform/objects.ts';
import { keptFor } from '../platform/once.ts';
import { type Folder, folderOfId, folders } from './fileId.ts';
import { figuresCacheMs, figuresRetryMs, maxObjectsPage } from './limits.ts';
import { filesCollection, recordOf } from './record.ts';

/** Files in Cloud Storage by folder. */
export type FolderTotals = Record<Folder, { files: number; bytes: number }>;

/** What the status says of files; null: unknown. */
export interface FileFigures {
  local_storage: FolderTotals | null;
  firestore_files: number | null;
  total_files: number | null;
  total_bytes: number | null;
  /** When the listing was made. */
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

function totalsOf(objects: readonly ObjectFacts[]): FolderTotals {
  const totals = Object.fromEntries(
    folders.map((folder) => [folder, { files: 0, bytes: 0 }]),
  ) as FolderTotals;
  for (const object of objects) {
    const folder = folderOfId(recordOf(object)?.fileId ?? '');
    if (folder === undefined) continue;
    totals[folder].files += 1;
    totals[folder].bytes += object.bytes;
  }
  return totals;
}

/** Keeps totals for when there are too many objects to list. */
export async function keepTotals(
  control: Pick<ObjectStore, 'put'>,
  objects: readonly ObjectFacts[],
  nowMs: number,
): Promise<void> {
  if (objects.length < maxObjectsPage) return;
  const kept: Kept = { totals: totalsOf(objects), as_of: new Date(nowMs).toISOString() };
  await control.put(totalsObject, Buffer.from(JSON.stringify(kept)), { contentType: 'application/json' });
}

interface Kept {
  totals: FolderTotals;
  as_of: string;
}

export interface FileFiguresOptions {
  objects: Pick<ObjectStore, 'list'>;
  control: Pick<ObjectStore, 'get'>;
  documents: Pick<DocumentStore, 'count'>;
  clock: Clock;
}

/**
 * Figures of files. Asking costs one list of the bucket, or past 1,000 objects the totals that cleanup kept, and one count
 * in Firestore, which bills a read for each 1,000 files there; the answer is good for a minute for each of these reads.
 */
export class FileFiguresReader {
  readonly #options: FileFiguresOptions;
  /** Never rejects. */
  readonly read: () => Promise<FileFigures>;

  constructor(options: FileFiguresOptions) {
    this.#options = options;
    this.read = keptFor(options.clock, keptMsOf, () => this.#make());
  }

  async #make(): Promise<FileFigures> {
    const nowMs = this.#options.clock.now();
    const inline = { field: 'location', op: '==', value: 'firestore' } as const;
    const [listed, counted] = await Promise.allSettled([
      this.#totals(nowMs),
      this.#options.documents.count({ collection: filesCollection, filters: [inline] }, 'files'),
    ]);
    const kept = listed.status === 'fulfilled' ? listed.value : undefined;
    const firestoreFiles = counted.status === 'fulfilled' ? counted.value : null;
    const all = kept && Object.values(kept.totals);
    const objects = all?.reduce((sum, { files }) => sum + files, 0);
    return {
      local_storage: kept?.totals ?? null,
      firestore_files: firestoreFiles,
      total_files: objects === undefined || firestoreFiles === null ? null : objects + firestoreFiles,
      total_bytes: all?.reduce((sum, { bytes }) => sum + bytes, 0) ?? null,
      as_of: kept?.as_of ?? null,
    };
  }

  async #totals(nowMs: number): Promise<Kept | undefined> {
    const { objects, control } = this.#options;
    const { pages, isWhole } = await allObjects(objects, 1);
    if (isWhole) return { totals: totalsOf(pages.flat()), as_of: new Date(nowMs).toISOString() };
    const stored = await control.get(totalsObject);
    return stored && (JSON.parse(stored.bytes.toString('utf8')) as Kept);
  }
}

/** The first count of an instance finds no lease that covers it, but asks for one. */
function keptMsOf({ firestore_files: counted }: FileFigures): number {
  return counted === null ? figuresRetryMs : figuresCacheMs * countReads(counted);
}
