import { AppError } from '../../functions/src/platform/errors.ts';
import type { ListedObject, ObjectStore, StoredObject } from '../../functions/src/platform/objects.ts';

/** The bucket of the keys in memory, which counts reads and can be made to fail or to hang. */
export class KeysBucket implements ObjectStore {
  reads = 0;
  state: 'up' | 'down' | 'hanging' = 'up';
  /** Runs before a put takes effect, as another instance that comes in between. */
  beforePut: (() => Promise<unknown>) | undefined;
  /** The next put takes effect, but its answer is lost and its repetition refused. */
  loseAnswer = false;
  readonly #objects = new Map<string, StoredObject>();
  #generation = 0;

  async get(name: string): Promise<StoredObject | undefined> {
    this.reads += 1;
    await this.#reach();
    return this.#objects.get(name);
  }

  async getIfChanged(name: string, generation: string): Promise<StoredObject | 'unchanged' | undefined> {
    const object = await this.get(name);
    return object?.generation === generation ? 'unchanged' : object;
  }

  async put(
    name: string,
    bytes: Uint8Array,
    { ifGeneration }: { ifGeneration?: string } = {},
  ): Promise<string> {
    await this.#reach();
    const hook = this.beforePut;
    this.beforePut = undefined;
    await hook?.();
    const present = this.#objects.get(name)?.generation ?? '0';
    if (ifGeneration !== undefined && ifGeneration !== present) throw new AppError('conflict', 'changed');
    this.#generation += 1;
    const generation = String(this.#generation);
    this.#objects.set(name, { bytes: Buffer.from(bytes), generation });
    if (this.loseAnswer) {
      this.loseAnswer = false;
      throw new AppError('conflict', 'changed');
    }
    return generation;
  }

  async delete(name: string): Promise<void> {
    this.#objects.delete(name);
  }

  async list(): Promise<ListedObject[]> {
    return [];
  }

  async setCustomTime(): Promise<boolean> {
    return false;
  }

  async #reach(): Promise<void> {
    if (this.state === 'down') throw new AppError('unavailable', 'the bucket is down');
    if (this.state === 'hanging') await new Promise(() => undefined);
  }
}
