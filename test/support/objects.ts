import type { Clock } from '../../functions/src/platform/clock.ts';
import { AppError } from '../../functions/src/platform/errors.ts';
import type { ObjectStore, PutOptions } from '../../functions/src/platform/objects.ts';
import { allDone, type Decide, meet } from './fate.ts';

interface MemoryObject {
  bytes: Buffer;
  generation: string;
  updatedMs: number;
  customTimeMs?: number | undefined;
}

/** A bucket in memory. */
export class MemoryObjects {
  readonly #clock: Clock;
  readonly objects = new Map<string, MemoryObject>();
  #generation = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Names under a prefix, in order. */
  names(prefix = ''): string[] {
    return [...this.objects.keys()].filter((name) => name.startsWith(prefix)).sort();
  }

  /** The JSON in each object under a prefix. */
  json(prefix: string): Record<string, unknown>[] {
    return this.names(prefix).map(
      (name) => JSON.parse(this.objects.get(name)?.bytes.toString('utf8') ?? '') as Record<string, unknown>,
    );
  }

  customTimeMs(name: string): number | undefined {
    return this.objects.get(name)?.customTimeMs;
  }

  /** The bucket as one caller sees it. Operations: `objects.get`, `.put`, `.delete`, `.list`, `.setCustomTime`. */
  connect(decide: Decide = allDone): ObjectStore {
    const call = <Result>(operation: string, name: string, effect: () => Result): Promise<Result> =>
      meet(
        decide(`objects.${operation} ${name}`),
        effect,
        () => new AppError('unavailable', 'The bucket is down.'),
      );
    return {
      get: (name) => call('get', name, () => this.#get(name)),
      getIfChanged: (name, generation) =>
        call('get', name, () => {
          const found = this.#get(name);
          return found?.generation === generation ? 'unchanged' : found;
        }),
      put: (name, bytes, options) => call('put', name, () => this.#put(name, bytes, options)),
      delete: (name) => call('delete', name, () => void this.objects.delete(name)),
      list: (prefix, { limit, after = '' }) => call('list', prefix, () => this.#list(prefix, limit, after)),
      setCustomTime: (name, customTimeMs) =>
        call('setCustomTime', name, () => this.#setCustomTime(name, customTimeMs)),
    };
  }

  #get(name: string) {
    const object = this.objects.get(name);
    return object && { bytes: Buffer.from(object.bytes), generation: object.generation };
  }

  #put(name: string, bytes: Uint8Array, { ifGeneration, customTimeMs }: PutOptions = {}): string {
    const present = this.objects.get(name)?.generation ?? '0';
    if (ifGeneration !== undefined && ifGeneration !== present) throw new AppError('conflict', 'It changed.');
    this.#generation += 1;
    const generation = String(this.#generation);
    this.objects.set(name, {
      bytes: Buffer.from(bytes),
      generation,
      updatedMs: this.#clock.now(),
      customTimeMs,
    });
    return generation;
  }

  #list(prefix: string, limit: number, after: string) {
    return this.names(prefix)
      .filter((name) => name > after)
      .slice(0, limit)
      .map((name) => {
        const object = this.objects.get(name);
        return { name, bytes: object?.bytes.length ?? 0, updatedMs: object?.updatedMs ?? 0 };
      });
  }

  /** Cloud Storage refuses a customTime earlier than the present one. */
  #setCustomTime(name: string, customTimeMs: number): boolean {
    const object = this.objects.get(name);
    if (object === undefined) return false;
    if (customTimeMs < (object.customTimeMs ?? 0))
      throw new AppError('unavailable', 'customTime cannot go back.');
    object.customTimeMs = customTimeMs;
    return true;
  }
}
