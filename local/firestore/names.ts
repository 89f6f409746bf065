import { invalidArgument, StatusError, status } from './errors.ts';
import { maxCollectionDepth, maxIdBytes, maxPathBytes } from './limits.ts';
import { compareUtf8, utf8Bytes } from './strings.ts';

const numericId = /^__id(-?\d+)__$/;
const reservedId = /^__.*__$/s;
const databaseName = /^projects\/[^/]+\/databases\/[^/]+/;

/** The database a resource name lies in: `projects/P/databases/D`. */
export function databaseOf(name: string): string {
  const match = databaseName.exec(name);
  if (match === null) throw invalidArgument(`Invalid resource name "${name.slice(0, 200)}".`);
  return match[0];
}

/**
 * Refuses a database that is not the project's only one, as the service refuses one that does not exist.
 * @param name `projects/P/databases/D`
 * @throws StatusError PERMISSION_DENIED for another project, NOT_FOUND for another database
 */
export function checkDatabase(name: string, projectId: string): void {
  const [, project, , database] = name.split('/');
  if (project !== projectId) {
    throw new StatusError(
      status.permissionDenied,
      `Permission denied on project "${project}", or it does not exist: this Firestore is that of "${projectId}".`,
    );
  }
  if (database !== '(default)')
    throw new StatusError(
      status.notFound,
      `The database "${database}" does not exist for project ${projectId}.`,
    );
}

/** Orders collection or document ids: numeric ids (`__id7__`) first and by number, then by UTF-8 bytes. */
export function compareIds(a: string, b: string): number {
  if (!a.startsWith('__id') && !b.startsWith('__id')) return compareUtf8(a, b);
  const x = numericId.exec(a)?.[1];
  const y = numericId.exec(b)?.[1];
  if (x !== undefined && y !== undefined) {
    const difference = BigInt(x) - BigInt(y);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }
  if (x !== undefined) return -1;
  if (y !== undefined) return 1;
  return compareUtf8(a, b);
}

/** Orders resource names segment by segment. */
export function compareNames(a: string, b: string): number {
  if (a === b) return 0;
  const x = a.split('/');
  const y = b.split('/');
  for (const [i, id] of x.entries()) {
    const other = y[i];
    if (other === undefined) return 1;
    const order = compareIds(id, other);
    if (order !== 0) return order;
  }
  return x.length - y.length;
}

function checkId(id: string): void {
  const wrong =
    id === '' ||
    id === '.' ||
    id === '..' ||
    (id.startsWith('__') && reservedId.test(id) && !numericId.test(id)) ||
    (id.length > maxIdBytes / 3 && utf8Bytes(id) > maxIdBytes);
  if (wrong) throw invalidArgument(`Resource id "${id.slice(0, 60)}" is invalid or reserved.`);
}

/** Refuses a collection id that cannot exist. */
export function checkCollectionId(id: string): void {
  if (id.includes('/')) throw invalidArgument(`Collection id "${id.slice(0, 60)}" contains a slash.`);
  checkId(id);
}

/**
 * The part of a resource name below `documentsRoot`, checked: `''` for the root itself, else a document's path.
 * @throws StatusError INVALID_ARGUMENT when it is not in this database, names a collection, or has an invalid id.
 */
export function parentPath(documentsRoot: string, name: string): string {
  if (name === documentsRoot) return '';
  if (!name.startsWith(`${documentsRoot}/`)) {
    throw invalidArgument(`Resource name "${name.slice(0, 200)}" does not lie under "${documentsRoot}".`);
  }
  const path = name.slice(documentsRoot.length + 1);
  const ids = path.split('/');
  if (ids.length % 2 !== 0) {
    throw invalidArgument(`Document name "${name.slice(0, 200)}" lacks a document id.`);
  }
  for (const id of ids) checkId(id);
  if (path.length > maxPathBytes / 3 && utf8Bytes(path) > maxPathBytes)
    throw invalidArgument(`Document name "${path.slice(0, 60)}…" is longer than ${maxPathBytes} bytes.`);
  if (ids.length > 2 * maxCollectionDepth)
    throw invalidArgument(
      `Document name "${path.slice(0, 60)}…" has more than ${maxCollectionDepth} collections.`,
    );
  return path;
}

/** {@link parentPath} where the root is not allowed. */
export function documentPath(documentsRoot: string, name: string): string {
  const path = parentPath(documentsRoot, name);
  if (path === '') throw invalidArgument(`"${name}" is not a document name.`);
  return path;
}

/** Joins a parent's path, possibly the root's `''`, and an id. */
export function childPath(parent: string, id: string): string {
  return parent === '' ? id : `${parent}/${id}`;
}
