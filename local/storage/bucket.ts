import type { LocalClock } from '../shared/clock.ts';
import { type Checksums, checkChecksums, checksumsOf } from './checksums.ts';
import { notFound } from './errors.ts';
import { checkHolds, isHeld } from './holds.ts';
import { expired } from './lifecycle.ts';
import { compareNames } from './names.ts';
import { checkName, type ObjectFields, type StoredObject } from './object.ts';
import { checkPreconditions, readNumber } from './preconditions.ts';
import type { BucketSettings } from './settings.ts';

/** The interval at which accesses make the lifecycle rules run; the service promises no more than once a day. */
const lifecycleEveryMs = 60 * 60 * 1000;

/** A bucket in a snapshot. */
export interface BucketState {
  createdMs: number;
  updatedMs: number;
  metageneration: number;
  lastGeneration: number;
  settings: BucketSettings;
  objects: readonly StoredObject[];
}

/** A new generation's content. */
interface NewContent {
  readonly data: Buffer;
  readonly fields: ObjectFields;
  readonly sent?: Checksums;
  /** Set for a composed object, or a copy of one. */
  readonly componentCount?: number | undefined;
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
  settings: BucketSettings = { lifecycle: {} };
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
    const { createdMs, updatedMs, metageneration, settings } = this;
    const objects = [...this.#objects.values()];
    return { createdMs, updatedMs, metageneration, lastGeneration: this.#lastGeneration, settings, objects };
  }

  /** Takes over what {@link state} gave, without events. */
  restore({ createdMs, updatedMs, metageneration, lastGeneration, settings, objects }: BucketState): void {
    Object.assign(this, { createdMs, updatedMs, metageneration, settings });
    this.#lastGeneration = lastGeneration;
    this.#objects.clear();
    for (const object of objects) this.#objects.set(object.name, object);
    this.#sorted = undefined;
  }

  setSettings(settings: BucketSettings): void {
    this.settings = settings;
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
    const generation = readNumber(query, 'generation');
    if (object === undefined || (generation !== undefined && generation !== object.generation)) {
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

  /** Stores a new generation. Throws 400 (name, checksums), 403 (a hold on what is there), 412. */
  put(name: string, content: NewContent, query: URLSearchParams): StoredObject {
    const { data, fields, sent = {}, componentCount } = content;
    const replaced = this.find(checkName(name));
    checkPreconditions(query, replaced);
    checkHolds(replaced);
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
      ...(componentCount === undefined ? {} : { md5Hash: undefined, componentCount }),
      createdMs: now,
      updatedMs: now,
      fields: this.settings.defaultEventBasedHold ? { eventBasedHold: true, ...fields } : fields,
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

  /** Throws 403 for one that is held. */
  delete(object: StoredObject): void {
    checkHolds(object);
    this.#objects.delete(object.name);
    this.#sorted = undefined;
    this.#changed('deleted', object);
  }

  runLifecycle(): void {
    const now = this.#clock.now();
    this.#lifecycleRanMs = now;
    for (const object of this.#objects.values()) {
      if (!isHeld(object) && expired(this.settings.lifecycle, object, now)) this.delete(object);
    }
  }

  #applyLifecycle(): void {
    if (this.#clock.now() - this.#lifecycleRanMs >= lifecycleEveryMs) this.runLifecycle();
  }
}
