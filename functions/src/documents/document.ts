import { isDeepStrictEqual } from 'node:util';
import { earliestStamp, type Stamp, stampMs } from '../events/stamp.ts';
import { append } from '../platform/arrays.ts';
import { type DocumentSet, type Fields, removed, ttlField } from '../platform/documents.ts';
import { hashedText, versionedObject } from '../platform/hashedText.ts';
import { sha256Hex } from '../platform/ids.ts';
import { isMap } from '../platform/values.ts';
import { tombstoneMs } from './limits.ts';
import { type DocumentState, deletedAt, metaField, tombstonesCollection, unstamped } from './state.ts';

const metaVersion = 1;

/** The members of {@link Meta} by version. */
const membersByVersion = { 1: 'vwof' };

/** The meta of a document, its field `_sluice`: the stamps of the operations that hold. */
interface Meta {
  v: number;
  /** The latest set or delete. */
  w?: Stamp;
  /** The floor: up to here stamps may be forgotten. */
  o?: Stamp;
  /** Field paths by the stamp of their latest operation. */
  f?: [Stamp, string[]][];
}

/** Makes the document as it is stored; undefined where there is to be none. */
export function storedDocument({ fields, wholeStamp, floor, stamps }: DocumentState): Fields | undefined {
  if (fields === undefined) return undefined;
  const byStamp = Map.groupBy(stamps.keys(), (path) => stamps.get(path) ?? floor);
  const places = [...byStamp].sort(([a], [b]) => (a < b ? -1 : 1));
  const meta: Meta = {
    v: metaVersion,
    ...(wholeStamp === earliestStamp ? {} : { w: wholeStamp }),
    ...(floor === earliestStamp ? {} : { o: floor }),
    ...(places.length === 0 ? {} : { f: places.map(([stamp, paths]) => [stamp, paths.sort()]) }),
  };
  return { ...fields, [metaField]: hashedText(JSON.stringify(meta)) };
}

/** Reads the state behind {@link storedDocument}; a document without Sluice's field is older than any operation. */
export function documentState(path: string, document: Fields): DocumentState {
  const { [metaField]: bytes, ...fields } = document;
  const meta = metaOf(bytes);
  if (meta === undefined) return unstamped(path, fields);
  return {
    path,
    fields,
    wholeStamp: meta.w ?? earliestStamp,
    floor: meta.o ?? earliestStamp,
    stamps: new Map(
      (meta.f ?? []).flatMap(([stamp, paths]) => paths.map((place) => [place, stamp] as const)),
    ),
  };
}

/**
 * The path of a document's tombstone, which remembers its deletion: one that comes again must not
 * bring back what is older.
 */
export function tombstonePath(path: string): string {
  return `${tombstonesCollection}/${sha256Hex(path)}`;
}

/** The tombstone of a deleted document. */
export function tombstone({ path, wholeStamp }: DocumentState): Fields {
  const meta: Meta = { v: metaVersion, w: wholeStamp };
  return {
    path,
    [metaField]: hashedText(JSON.stringify(meta)),
    [ttlField]: new Date(stampMs(wholeStamp) + tombstoneMs),
  };
}

/** The state of a document that is not there, by its tombstone. */
export function absentState(path: string, stored: Fields | undefined): DocumentState {
  const stamp = metaOf(stored?.[metaField])?.w;
  return stamp === undefined ? unstamped(path) : deletedAt(path, stamp);
}

/** The changes that lead from one document to another, place by place, so that nothing else in it is touched. */
export function fieldChanges(
  before: Fields,
  after: Fields,
  place: readonly string[] = [],
): DocumentSet['changes'] {
  const changes: DocumentSet['changes'] = [];
  for (const [name, value] of Object.entries(after)) {
    const path = [...place, name];
    const present = Object.hasOwn(before, name) ? before[name] : undefined;
    if (isMap(present) && isMap(value)) append(changes, fieldChanges(present, value, path));
    else if (!isDeepStrictEqual(present, value)) changes.push({ path, value });
  }
  for (const name of Object.keys(before)) {
    if (!Object.hasOwn(after, name)) changes.push({ path: [...place, name], value: removed });
  }
  return changes;
}

/** Throws UnknownVersion. */
function metaOf(bytes: unknown): Meta | undefined {
  return versionedObject(bytes, membersByVersion) as Meta | undefined;
}
