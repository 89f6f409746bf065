import { randomBytes } from 'node:crypto';
import { AppError } from '../platform/errors.ts';
import type { ObjectStore } from '../platform/objects.ts';

const secretObject = 'control/file-secret';

/**
 * A random text that all instances share and nobody else knows, kept in the bucket: with it the same upload always gets the
 * same file id, which its uploader's rivals cannot compute. Made when first asked for, read once per process.
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
    return (await this.#objects.get(secretObject))?.bytes.toString('utf8');
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
