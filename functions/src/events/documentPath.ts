/** Limits of names (https://cloud.google.com/firestore/quotas#limits). */
const maxIdBytes = 1_500;
const maxPathBytes = 6 * 1024;
const maxCollectionDepth = 100;

/** The reason for which Firestore would refuse a name of a collection or document; undefined where it would not. */
export function idFault(id: string): string | undefined {
  if (id === '') return 'a name is empty';
  if (id.includes('/')) return 'a name has a slash';
  if (id === '.' || id === '..') return `${id} is no name`;
  if (/^__.*__$/s.test(id)) return 'names of the form __…__ are reserved';
  if (!id.isWellFormed()) return 'a name has half of a surrogate pair';
  const bytes = Buffer.byteLength(id);
  return bytes > maxIdBytes ? `a name has ${bytes} bytes; ${maxIdBytes} are allowed` : undefined;
}

/** The reason for which this is not the path of a document, `collection/id` or deeper; undefined where it is. */
export function documentPathFault(path: string): string | undefined {
  const names = path.split('/');
  for (const name of names) {
    const fault = idFault(name);
    if (fault !== undefined) return fault;
  }
  if (names.length % 2 === 1) {
    return `it has ${names.length} parts; a document's path has an even number, collection/id and so on`;
  }
  if (names.length / 2 > maxCollectionDepth) return `collections nest at most ${maxCollectionDepth} deep`;
  const bytes = Buffer.byteLength(path);
  return bytes > maxPathBytes ? `it has ${bytes} bytes; ${maxPathBytes} are allowed` : undefined;
}
