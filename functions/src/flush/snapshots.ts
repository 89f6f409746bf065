import type { ByteCache } from '../platform/byteCache.ts';
import { DocumentError, type DocumentStore, type ReadDocument } from '../platform/documents.ts';
import { mapPool } from '../platform/pool.ts';
import { fieldsBytes } from '../platform/values.ts';
import type { CommitJob } from './commitResult.ts';
import type { Kind, Snapshot } from './kind.ts';
import { maxReadDocuments, readsInFlight, singleCommitsInFlight } from './limits.ts';

/** A job, and the snapshot that its events build on. */
export interface Opened {
  job: CommitJob;
  /** Throws where nobody can understand the document, so that it fails alone. */
  snapshot(): Snapshot;
}

export interface SnapshotReaderOptions {
  kind: Kind;
  documents: Pick<DocumentStore, 'read'>;
  /** Snapshots that this instance last wrote. One may be out of date: a write has its version as precondition. */
  cache: ByteCache<Snapshot>;
  /** Once documents of so many bytes were read, the others are left for later. */
  maxReadBytes: number;
}

/** Waits for work no longer than its deadline allows. */
export type Timed = <Result>(work: Promise<Result>) => Promise<Result>;

/** Finds the snapshots that events build on: remembered, absent where that is certain, else read. */
export class SnapshotReader {
  readonly #options: SnapshotReaderOptions;

  constructor(options: SnapshotReaderOptions) {
    this.#options = options;
  }

  /** Puts the documents first that need no read. */
  knownFirst(jobs: readonly CommitJob[]): CommitJob[] {
    const isKnown = (job: CommitJob): boolean => this.#known(job) !== undefined;
    return [...jobs.filter(isKnown), ...jobs.filter((job) => !isKnown(job))];
  }

  /**
   * Finds the snapshots of the first of these documents; `most` are read, or as many as memory allows, at least one.
   * Throws DocumentError.
   */
  async first(jobs: readonly CommitJob[], most: number, timed: Timed): Promise<Opened[]> {
    const { kind } = this.#options;
    const known = jobs.map((job) => this.#known(job));
    const unknown = jobs.filter((_, index) => known[index] === undefined).map(({ path }) => path);
    const found = (await this.#readFirst(unknown.slice(0, most), timed)).values();
    const opened: Opened[] = [];
    for (const [index, job] of jobs.entries()) {
      const remembered = known[index];
      if (remembered !== undefined) {
        opened.push({ job, snapshot: () => remembered });
        continue;
      }
      const { value: read, done } = found.next();
      if (done) break;
      const snapshot = (): Snapshot => {
        if (read instanceof DocumentError) throw read;
        return snapshotOf(kind, job.path, read);
      };
      opened.push({ job, snapshot });
    }
    return opened;
  }

  /** Reads a document that was not as expected, and its tombstone. Throws DocumentError. */
  async again(path: string, timed: Timed): Promise<Snapshot> {
    const { documents, kind } = this.#options;
    const paths = [path, kind.tombstonePath?.(path)].filter((each) => each !== undefined);
    const [found, tombstone] = await timed(documents.read(paths, 'flush'));
    return snapshotOf(kind, path, found, tombstone);
  }

  #known({ path, events }: CommitJob): Snapshot | undefined {
    const { cache, kind } = this.#options;
    return cache.get(path) ?? (kind.isNew(events) ? snapshotOf(kind, path) : undefined);
  }

  async #readFirst(paths: readonly string[], timed: Timed): Promise<(ReadDocument | DocumentError)[]> {
    const slices: string[][] = [];
    for (let start = 0; start < paths.length; start += maxReadDocuments)
      slices.push(paths.slice(start, start + maxReadDocuments));
    let bytes = 0;
    // Slices begin in order, so what is left out is the end.
    const read = await mapPool(slices, readsInFlight, async (slice) => {
      if (bytes >= this.#options.maxReadBytes) return [];
      const found = await this.#read(slice, timed);
      for (const one of found) if (!(one instanceof DocumentError)) bytes += fieldsBytes(one.fields ?? {});
      return found;
    });
    return read.flat();
  }

  /** Reads documents, each or why not: a bad name fails a read of many, and without reads the remembered ones go on. */
  async #read(paths: readonly string[], timed: Timed): Promise<(ReadDocument | DocumentError)[]> {
    try {
      return await timed(this.#options.documents.read(paths, 'flush'));
    } catch (error) {
      if (error instanceof DocumentError && error.short === 'reads') return paths.map(() => error);
      if (!(error instanceof DocumentError) || error.failure !== 'invalid') throw error;
      if (paths.length === 1) return [error];
      return (await mapPool(paths, singleCommitsInFlight, (path) => this.#read([path], timed))).flat();
    }
  }
}

/** The snapshot of a document as it was read, or of one that is not there, with its tombstone if that was read. */
function snapshotOf(kind: Kind, path: string, found?: ReadDocument, tombstone?: ReadDocument): Snapshot {
  const { fields: document, version } = found ?? {};
  if (document !== undefined && version !== undefined)
    return { state: kind.stateOf(path, document), document, version };
  const state = kind.stateOf(path, undefined, tombstone?.fields);
  const tombstoneVersion = tombstone && (tombstone.version ?? 'absent');
  return { state, document: undefined, version: 'absent', tombstone: tombstoneVersion };
}
