import { Readable } from 'node:stream';
import type { Clock } from '../../functions/src/platform/clock.ts';
import { AppError } from '../../functions/src/platform/errors.ts';
import type {
  ListOptions,
  ObjectFacts,
  ObjectStore,
  PutOptions,
} from '../../functions/src/platform/objects.ts';
import { allDone, type Decide, meet } from './fate.ts';

interface MemoryObject {
  bytes: Buffer;
  generation: string;
  createdMs: number;
  contentType?: string;
  labels?: Readonly<Record<string, string>>;
  customTimeMs?: number | undefined;
}

/** An object's description, as the bucket gives it. */
export function factsOf(
  name: string,
  { bytes, generation, createdMs = 0, contentType = 'text/plain', labels = {} }: Partial<MemoryObject>,
): ObjectFacts {
  const facts = { name, bytes: bytes?.length ?? 0, generation: generation ?? '', createdMs };
  return { ...facts, contentType, labels, md5: undefined };
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

  /** The bucket as one caller sees it. Operations: `objects.get`, `.put` and so on; addresses it has none. */
  connect(decide: Decide = allDone): ObjectStore {
    const call = <Result>(operation: string, name: string, effect: () => Result): Promise<Result> =>
      meet(
        decide(`objects.${operation} ${name}`),
        effect,
        () => new AppError('unavailable', 'The bucket is down.'),
      );
    const noAddress = () => Promise.reject(new AppError('unavailable', 'This bucket has no addresses.'));
    return {
      startUpload: noAddress,
      signedUrl: noAddress,
      describe: (name) => call('describe', name, () => this.#facts(name)),
      open: ({ name }, { first, last } = { first: 0, last: Number.POSITIVE_INFINITY }) =>
        call('open', name, () =>
          Readable.from([this.objects.get(name)?.bytes.subarray(first, last + 1) ?? Buffer.alloc(0)]),
        ),
      label: ({ name }, labels) => call('label', name, () => this.#label(name, labels)),
      get: (name) => call('get', name, () => this.#get(name)),
      getIfChanged: (name, generation) =>
        call('get', name, () => {
          const found = this.#get(name);
          return found?.generation === generation ? 'unchanged' : found;
        }),
      put: (name, bytes, options) => call('put', name, () => this.#put(name, bytes, options)),
      delete: (name, generation) => call('delete', name, () => this.#delete(name, generation)),
      list: (prefix, options) => call('list', prefix, () => this.#list(prefix, options)),
      setCustomTime: (name, customTimeMs) =>
        call('setCustomTime', name, () => this.#setCustomTime(name, customTimeMs)),
    };
  }

  #get(name: string) {
    const object = this.objects.get(name);
    return object && { bytes: Buffer.from(object.bytes), generation: object.generation };
  }

  #facts(name: string): ObjectFacts | undefined {
    const object = this.objects.get(name);
    return object && factsOf(name, object);
  }

  #label(name: string, labels: Readonly<Record<string, string>>): void {
    const object = this.objects.get(name);
    if (object !== undefined) object.labels = { ...object.labels, ...labels };
  }

  #delete(name: string, generation = this.objects.get(name)?.generation): void {
    if (this.objects.get(name)?.generation === generation) this.objects.delete(name);
  }

  #put(name: string, bytes: Uint8Array, { ifGeneration, ...options }: PutOptions = {}): ObjectFacts {
    const present = this.objects.get(name)?.generation ?? '0';
    if (ifGeneration !== undefined && ifGeneration !== present) throw new AppError('conflict', 'It changed.');
    this.#generation += 1;
    const generation = String(this.#generation);
    const object = { ...options, bytes: Buffer.from(bytes), generation, createdMs: this.#clock.now() };
    this.objects.set(name, object);
    return factsOf(name, object);
  }

  #list(prefix: string, { limit, after = '', before }: ListOptions): ObjectFacts[] {
    return this.names(prefix)
      .filter((name) => name > after && (before === undefined || name < before))
      .slice(0, limit)
      .flatMap((name) => this.#facts(name) ?? []);
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
