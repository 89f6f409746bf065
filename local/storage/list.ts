import type { Bucket } from './bucket.ts';
import { invalid, notImplemented } from './errors.ts';
import type { StorageReply, StorageRequest } from './http.ts';
import { compareNames, lowerBound } from './names.ts';
import { toResource } from './object.ts';
import { readNumber } from './preconditions.ts';

/** Parameters that would change which objects are listed, and are not here. */
const absent = ['matchGlob', 'includeTrailingDelimiter', 'includeFoldersAsPrefixes', 'softDeleted'];
const maxResultsLimit = 1000;

/** `GET b/B/o`: objects and, with a delimiter, the prefixes that stand for many, in one order. */
export function listObjects(request: StorageRequest, bucket: Bucket): StorageReply {
  const { query, origin } = request;
  const missing = absent.find((name) => !['', 'false', null].includes(query.get(name)));
  if (missing !== undefined) throw notImplemented(missing);
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const endOffset = query.get('endOffset') ?? '';
  const { maxResults, after } = readPage(query);
  const from = [prefix, query.get('startOffset') ?? '', after ?? ''].reduce((a, b) =>
    compareNames(a, b) < 0 ? b : a,
  );
  const names = bucket.names();
  const items: object[] = [];
  const prefixes: string[] = [];
  let last = after ?? '';
  let nextPageToken: string | undefined;
  for (let index = lowerBound(names, from); index < names.length; index++) {
    const name = names[index] ?? '';
    if (!name.startsWith(prefix) || (endOffset !== '' && compareNames(name, endOffset) >= 0)) break;
    if (name === after) continue;
    const folder = folderOf(name, prefix, delimiter);
    if (folder !== undefined && folder === last) continue;
    if (items.length + prefixes.length === maxResults) {
      nextPageToken = pageToken(last);
      break;
    }
    last = folder ?? name;
    if (folder !== undefined) prefixes.push(folder);
    const object = folder === undefined ? bucket.find(name) : undefined;
    if (object !== undefined) items.push(toResource(object, origin));
  }
  const json = { kind: 'storage#objects', items, prefixes, ...(nextPageToken ? { nextPageToken } : {}) };
  return { status: 200, json, billedAs: 'class_a' };
}

/** The part of the name up to the first delimiter after the prefix. */
function folderOf(name: string, prefix: string, delimiter: string): string | undefined {
  if (delimiter === '') return undefined;
  const at = name.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : name.slice(0, at + delimiter.length);
}

/** Reads the size of the page that a call asks for, and the name after which it begins. Throws 400. */
export function readPage(query: URLSearchParams): { maxResults: number; after: string | undefined } {
  return {
    maxResults: Math.min(readNumber(query, 'maxResults') || maxResultsLimit, maxResultsLimit),
    after: query.has('pageToken') ? readToken(query.get('pageToken') ?? '') : undefined,
  };
}

/** The token of the page that begins after this name. */
export function pageToken(last: string): string {
  return Buffer.from(last).toString('base64url');
}

function readToken(token: string): string {
  const name = Buffer.from(token, 'base64url').toString();
  if (token !== '' && pageToken(name) === token) return name;
  throw invalid('Invalid page token.');
}
