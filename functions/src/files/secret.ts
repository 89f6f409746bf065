import { randomBytes } from 'node:crypto';
import { AppError } from '../platform/errors.ts';
import type { ObjectStore } from '../platform/objects.ts';

const secretObject = 'control/file-secret';

/**
 * A random text that all instances share and nobody else knows, kept in the bucket: with it the same upload always gets the
 * same file id, which nobody else computes. Made when first asked for, read once per process.
 */
export class FileSecret {
  readonly #objects: Pick<ObjectStore, 'get' | 'put'>;
  #known: string | undefined;

  constructor(objects: Pick<ObjectStore, 'get' | 'put'>) {
    this.#objects = objects;
  }

  /** @throws AppError `unavailable` */
  async read(): Promise<string> {
    this.#known ??= (await this.#stored()) ?? (await this.#make());
    return this.#known;
  }

  async #stored(): Promise<string | undefined> {
    const text = (await this.#objects.get(secretObject))?.bytes.toString('utf8');
    if (text === undefined || /^[0-9a-f]{64}$/.test(text)) return text;
    throw new AppError('unavailable', 'Files cannot be named now.', {
      cause: new Error(`${secretObject} in the bucket is not one that Sluice made`),
    });
  }

  async #make(): Promise<string> {
    const secret = randomBytes(32).toString('hex');
    try {
      await this.#objects.put(secretObject, Buffer.from(secret), { ifGeneration: '0' });
      return secret;
    } catch (error) {
      // Another instance was faster, or our own first attempt was.
      const stored =
        error instanceof AppError && error.code === 'conflict' ? await this.#stored() : undefined;
      if (stored === undefined) throw error;
      return stored;
    }
  }
}
