import type { Event } from '../events/event.ts';
import { DocumentError, type DocumentStore, type ReadDocument } from '../platform/documents.ts';
import { mapPool } from '../platform/pool.ts';
import { fieldsBytes } from '../platform/values.ts';
import type { DocumentCache } from './documentCache.ts';
import type { DocumentKind, Known } from './kind.ts';
import { maxReadDocuments, readsInFlight, singleCommitsInFlight } from './limits.ts';

/** What a document was before its events. Throws where nobody can understand it, so that it fails alone. */
export type Base<State> = () => Known<State>;

export interface BaseReaderOptions<E extends Event, State> {
  kind: DocumentKind<E, State>;
  documents: Pick<DocumentStore, 'read'>;
  cache: DocumentCache<State>;
  /** Once documents of so many bytes were read, the others are left for later. */
  maxReadBytes: number;
}

/** A document, and what happened to it. */
interface Named<E extends Event> {
  path: string;
  events: readonly E[];
}

/** Waits for work no longer than its deadline allows. */
export type Timed = <Result>(work: Promise<Result>) => Promise<Result>;

/** Finds what events build on: what is known, absence where that is certain, else what the database says. */
export class BaseReader<E extends Event, State> {
  readonly #options: BaseReaderOptions<E, State>;

  constructor(options: BaseReaderOptions<E, State>) {
    this.#options = options;
  }

  /** Those that need no read come first. */
  knownFirst<Job extends Named<E>>(jobs: readonly Job[]): Job[] {
    const isKnown = (job: Job): boolean => this.#known(job) !== undefined;
    return [...jobs.filter(isKnown), ...jobs.filter((job) => !isKnown(job))];
  }

  /** Of the first of these documents; `most` are read, or as many as memory allows, at least one. Throws DocumentError. */
  async first(jobs: readonly Named<E>[], most: number, timed: Timed): Promise<Base<State>[]> {
    const { kind } = this.#options;
    const known = jobs.map((job) => this.#known(job));
    const found = (await this.#readFirst(unknownPaths(jobs, known).slice(0, most), timed)).values();
    const bases: Base<State>[] = [];
    for (const [index, { path }] of jobs.entries()) {
      const each = known[index];
      if (each !== undefined) {
        bases.push(() => each);
        continue;
      }
      const { value: read, done } = found.next();
      if (done) break;
      bases.push(() => {
        if (read instanceof DocumentError) throw read;
        return kind.known(path, read);
      });
    }
    return bases;
  }

  /** Of a document that was not as expected, and what speaks for it if it is absent. Throws DocumentError. */
  async again(path: string, timed: Timed): Promise<Known<State>> {
    const { documents, kind } = this.#options;
    const companion = kind.companionOf?.(path);
    const paths = companion === undefined ? [path] : [path, companion];
    const [found, other] = await timed(documents.read(paths, 'flush'));
    return kind.known(path, found ?? { path }, other);
  }

  #known({ path, events }: Named<E>): Known<State> | undefined {
    const { cache, kind } = this.#options;
    return cache.get(path) ?? (kind.isNew(events) ? kind.known(path, { path }) : undefined);
  }

  async #readFirst(paths: readonly string[], timed: Timed): Promise<(ReadDocument | DocumentError)[]> {
    let bytes = 0;
    // Slices begin in order, so what is left out is the end.
    const read = await mapPool(slices(paths, maxReadDocuments), readsInFlight, async (slice) => {
      if (bytes >= this.#options.maxReadBytes) return [];
      const found = await this.#read(slice, timed);
      for (const each of found) if (!(each instanceof DocumentError)) bytes += fieldsBytes(each.fields ?? {});
      return found;
    });
    return read.flat();
  }

  /** What each is, or why it is not known: one bad name fails a read of many, and without reads what is known goes on. */
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

function unknownPaths(jobs: readonly { path: string }[], known: readonly unknown[]): string[] {
  return jobs.filter((_, index) => known[index] === undefined).map(({ path }) => path);
}

function slices<Item>(items: readonly Item[], size: number): Item[][] {
  const parts: Item[][] = [];
  for (let start = 0; start < items.length; start += size) parts.push(items.slice(start, start + size));
  return parts;
}
