import type { LocalClock } from '../shared/clock.ts';
import { type Checksums, checkChecksums, checksumsOf } from './checksums.ts';
import { notFound } from './errors.ts';
import { expired, type Lifecycle } from './lifecycle.ts';
import { compareNames } from './names.ts';
import { checkName, type ObjectFields, type StoredObject } from './object.ts';
import { checkPreconditions } from './preconditions.ts';

/** How often an access makes the lifecycle rules run; the service itself promises no more than once a day. */
const lifecycleEveryMs = 60 * 60 * 1000;

/** What a snapshot keeps of a bucket. */
export interface BucketState {
  createdMs: number;
  updatedMs: number;
  metageneration: number;
  lastGeneration: number;
  lifecycle: Lifecycle;
  objects: readonly StoredObject[];
}

export type ObjectChange = 'finalized' | 'deleted' | 'metadataUpdated';

/** A bucket's live objects. */
export class Bucket {
  readonly name: string;
  createdMs: number;
  readonly #clock: LocalClock;
  readonly #changed: (change: ObjectChange, object: StoredObject) => void;
  readonly #objects = new Map<string, StoredObject>();
  #sorted: string[] | undefined;
  #lastGeneration = 0;
  #lifecycleRanMs: number;
  #lifecycle: Lifecycle = {};
  metageneration = 1;
  updatedMs: number;

  constructor(
    name: string,
    clock: LocalClock,
    changed: (change: ObjectChange, object: StoredObject) => void,
  ) {
    this.name = name;
    this.#clock = clock;
    this.#changed = changed;
    this.createdMs = clock.now();
    this.updatedMs = this.createdMs;
    this.#lifecycleRanMs = this.createdMs;
  }

  state(): BucketState {
    const { createdMs, updatedMs, metageneration } = this;
    const objects = [...this.#objects.values()];
    const [lastGeneration, lifecycle] = [this.#lastGeneration, this.#lifecycle];
    return { createdMs, updatedMs, metageneration, lastGeneration, lifecycle, objects };
  }

  /** Takes over what {@link state} gave, without events. */
  restore({ createdMs, updatedMs, metageneration, lastGeneration, lifecycle, objects }: BucketState): void {
    Object.assign(this, { createdMs, updatedMs, metageneration });
    this.#lastGeneration = lastGeneration;
    this.#lifecycle = lifecycle;
    this.#objects.clear();
    for (const object of objects) this.#objects.set(object.name, object);
    this.#sorted = undefined;
  }

  lifecycle(): Lifecycle {
    return this.#lifecycle;
  }

  setLifecycle(lifecycle: Lifecycle): void {
    this.#lifecycle = lifecycle;
    this.metageneration += 1;
    this.updatedMs = this.#clock.now();
  }

  find(name: string): StoredObject | undefined {
    this.#applyLifecycle();
    return this.#objects.get(name);
  }

  /** The live object, at the generation and under the preconditions that the query names. Throws 404, 412. */
  get(name: string, query: URLSearchParams): StoredObject {
    const object = this.find(name);
    const generation = query.get('generation');
    if (object === undefined || (generation !== null && Number(generation) !== object.generation)) {
      throw notFound(`${this.name}/${name}`);
    }
    checkPreconditions(query, object);
    return object;
  }

  /** Names in the order of listing. */
  names(): readonly string[] {
    this.#applyLifecycle();
    this.#sorted ??= [...this.#objects.keys()].sort(compareNames);
    return this.#sorted;
  }

  /** Stores a new generation. Throws 400 (name, checksums), 412. */
  put(
    name: string,
    data: Buffer,
    fields: ObjectFields,
    sent: Checksums,
    query: URLSearchParams,
  ): StoredObject {
    const replaced = this.find(checkName(name));
    checkPreconditions(query, replaced);
    const checksums = checksumsOf(data);
    checkChecksums(sent, checksums);
    const now = this.#clock.now();
    this.#lastGeneration = Math.max(this.#lastGeneration + 1, Math.floor(now) * 1000);
    const object: StoredObject = {
      bucket: this.name,
      name,
      generation: this.#lastGeneration,
      metageneration: 1,
      data,
      ...checksums,
      createdMs: now,
      updatedMs: now,
      fields,
    };
    this.#objects.set(name, object);
    if (replaced === undefined) this.#sorted = undefined;
    else this.#changed('deleted', replaced);
    this.#changed('finalized', object);
    return object;
  }

  setFields(object: StoredObject, fields: ObjectFields): StoredObject {
    const changed: StoredObject = {
      ...object,
      fields,
      metageneration: object.metageneration + 1,
      updatedMs: this.#clock.now(),
    };
    this.#objects.set(object.name, changed);
    this.#changed('metadataUpdated', changed);
    return changed;
  }

  delete(object: StoredObject): void {
    this.#objects.delete(object.name);
    this.#sorted = undefined;
    this.#changed('deleted', object);
  }

  runLifecycle(): void {
    const now = this.#clock.now();
    this.#lifecycleRanMs = now;
    for (const object of this.#objects.values()) {
      if (expired(this.#lifecycle, object, now)) this.delete(object);
    }
  }

  #applyLifecycle(): void {
    if (this.#clock.now() - this.#lifecycleRanMs >= lifecycleEveryMs) this.runLifecycle();
  }
}
