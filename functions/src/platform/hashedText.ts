import { createHash } from 'node:crypto';
import { UnknownVersion } from './errors.ts';

const hashBytes = 8;

/**
 * A text as bytes that begin with its hash. Firestore indexes the first 1,500 bytes of a value: texts in time order
 * would make every write meet in one place of the index.
 */
export function hashedText(text: string): Buffer {
  const hash = createHash('sha256').update(text).digest().subarray(0, hashBytes);
  return Buffer.concat([hash, Buffer.from(text, 'utf8')]);
}

/**
 * The object whose JSON is in {@link hashedText}'s bytes; undefined where there are none. `members` has by version what
 * an object of that version, its `v`, may have.
 * @throws UnknownVersion for any other.
 */
export function versionedObject(bytes: unknown, members: Readonly<Record<number, string>>): unknown {
  if (!(bytes instanceof Uint8Array)) return undefined;
  const found: unknown = JSON.parse(Buffer.from(bytes.subarray(hashBytes)).toString('utf8'));
  const version = typeof found === 'object' && found !== null && 'v' in found ? found.v : undefined;
  const known = typeof version === 'number' ? members[version] : undefined;
  const isKnown = known !== undefined && Object.keys(found ?? {}).every((name) => known.includes(name));
  if (!isKnown) throw new UnknownVersion(`Stamps of version ${String(version)} cannot be read.`);
  return found;
}
