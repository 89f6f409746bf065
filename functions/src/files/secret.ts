import { randomBytes } from 'node:crypto';
import { AppError } from '../platform/errors.ts';
import type { ObjectStore } from '../platform/objects.ts';
import { onceAsync } from '../platform/once.ts';

const secretObject = 'control/file-secret';

/**
 * The file secret: a random text that all instances share and nobody else knows, kept in the bucket. With it the same
 * upload always gets the same file id, which nobody else computes. Made when first asked for, read once per process.
 */
export type FileSecret = () => Promise<string>;

/** Reads the file secret. It throws AppError `unavailable`. */
export function fileSecret(objects: Pick<ObjectStore, 'get' | 'put'>): FileSecret {
  const stored = async (): Promise<string | undefined> => {
    const text = (await objects.get(secretObject))?.bytes.toString('utf8');
    if (text === undefined || /^[0-9a-f]{64}$/.test(text)) return text;
    throw new AppError('unavailable', 'Files cannot be named now.', {
      cause: new Error(`${secretObject} in the bucket is not one that Sluice made`),
    });
  };
  return onceAsync(async () => {
    const known = await stored();
    if (known !== undefined) return known;
    const secret = randomBytes(32).toString('hex');
    try {
      await objects.put(secretObject, Buffer.from(secret), { ifGeneration: '0' });
      return secret;
    } catch (error) {
      // Another instance was faster, or our own first attempt was.
      const isThere = error instanceof AppError && error.code === 'conflict';
      const other = isThere ? await stored() : undefined;
      if (other === undefined) throw error;
      return other;
    }
  });
}
