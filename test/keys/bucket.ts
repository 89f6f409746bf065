import type { KeyStoreOptions } from '../../functions/src/keys/keyStore.ts';
import { AppError } from '../../functions/src/platform/errors.ts';
import type { ObjectFacts, StoredObject } from '../../functions/src/platform/objects.ts';
import { factsOf } from '../support/objects.ts';

type KeysObjects = KeyStoreOptions['objects'];

/** The bucket of the keys in memory, which counts reads and can be made to fail or to hang. */
export class KeysBucket implements KeysObjects {
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
  ): Promise<ObjectFacts> {
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
    return factsOf(name, { bytes: Buffer.from(bytes), generation });
  }

  async #reach(): Promise<void> {
    if (this.state === 'down') throw new AppError('unavailable', 'the bucket is down');
    if (this.state === 'hanging') await new Promise(() => undefined);
  }
}
