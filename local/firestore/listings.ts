import type { WireDocument } from './codec.ts';
import type { Database } from './database.ts';
import { type DocumentVersion, versionAt } from './entries.ts';
import { invalidArgument } from './errors.ts';
import { checkCollectionId, childPath, compareIds, parentPath } from './names.ts';
import { wireDocument } from './reads.ts';
import { compareUtf8 } from './strings.ts';
import type {
  ListCollectionIdsRequest,
  ListCollectionIdsResponse,
  ListDocumentsRequest,
  ListDocumentsResponse,
} from './wire.ts';

const defaultPageSize = 300;

/** A page token is the last id of the page before. */
function page<T>(
  sorted: readonly T[],
  idOf: (item: T) => string,
  compare: (a: string, b: string) => number,
  { pageToken, pageSize }: { pageToken: string; pageSize: number },
): { items: readonly T[]; nextPageToken: string } {
  if (pageSize < 0) throw invalidArgument('The page size must not be negative.');
  const rest = pageToken === '' ? sorted : sorted.filter((item) => compare(idOf(item), pageToken) > 0);
  const items = rest.slice(0, pageSize || defaultPageSize);
  const last = items.at(-1);
  return { items, nextPageToken: last !== undefined && items.length < rest.length ? idOf(last) : '' };
}

/** ListCollectionIds: the ids of the collections right below a document, or below the root, that hold documents. */
export function listCollectionIds(
  database: Database,
  request: ListCollectionIdsRequest,
): ListCollectionIdsResponse {
  const parent = parentPath(database.root, request.parent);
  const prefix = childPath(parent, '');
  const ids = new Set<string>();
  for (const { path, live } of database.store.collections()) {
    if (live === 0 || !path.startsWith(prefix)) continue;
    ids.add(path.slice(prefix.length).split('/', 1)[0] ?? '');
  }
  const sorted = [...ids].sort(compareUtf8);
  database.meter.queryRead(1);
  const { items, nextPageToken } = page(sorted, (id) => id, compareUtf8, request);
  return { collectionIds: [...items], nextPageToken };
}

/** ListDocuments: a collection by id; with `show_missing` also the names under which there are only subcollections. */
export function listDocuments(database: Database, request: ListDocumentsRequest): ListDocumentsResponse {
  checkCollectionId(request.collectionId);
  const path = childPath(parentPath(database.root, request.parent), request.collectionId);
  const { at } = database.view({
    transaction: request.transaction,
    newTransaction: null,
    readTime: request.readTime,
  });
  const found = new Map<string, DocumentVersion | undefined>();
  if (request.showMissing) for (const id of idsOfParents(database, path)) found.set(id, undefined);
  for (const entry of database.store.collection(path)?.entries() ?? []) {
    const version = versionAt(entry, at);
    if (version !== undefined) found.set(entry.id, version);
  }
  const sorted = [...found].sort(([a], [b]) => compareIds(a, b));
  const { items, nextPageToken } = page(sorted, ([id]) => id, compareIds, request);
  database.meter.queryRead(items.length);
  const documents = items.map(([id, version]): WireDocument => {
    const name = `${database.root}/${path}/${id}`;
    if (version === undefined) return { name, fields: new Map() };
    return wireDocument(name, version, request.mask?.fieldPaths);
  });
  return { documents, nextPageToken };
}

/** Ids in the collection that documents lie under. */
function* idsOfParents(database: Database, path: string): Iterable<string> {
  const prefix = `${path}/`;
  for (const collection of database.store.collections()) {
    if (collection.live === 0 || !collection.path.startsWith(prefix)) continue;
    yield collection.path.slice(prefix.length).split('/', 1)[0] ?? '';
  }
}
