import { createHash } from 'node:crypto';

const hashBytes = 8;

/**
 * A text as bytes that begin with its hash. Firestore indexes the first 1,500 bytes of a value: texts in time order
 * would make every write meet in one place of the index.
 */
export function hashedText(text: string): Buffer {
  const hash = createHash('sha256').update(text).digest().subarray(0, hashBytes);
  return Buffer.concat([hash, Buffer.from(text, 'utf8')]);
}

/** The text in {@link hashedText}'s bytes; undefined where there are none. */
export function textOfHashed(bytes: unknown): string | undefined {
  if (!(bytes instanceof Uint8Array)) return undefined;
  return Buffer.from(bytes.subarray(hashBytes)).toString('utf8');
}
