import type { LocalClock } from '../shared/clock.ts';
import { Bucket, type ObjectChange } from './bucket.ts';
import { invalid, StorageError } from './errors.ts';
import type { StoredObject } from './object.ts';
import type { BucketSettings } from './settings.ts';

/** The service's buckets by name. */
export class Buckets {
  readonly #clock: LocalClock;
  readonly #changed: (change: ObjectChange, object: StoredObject) => void;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: LocalClock, changed: (change: ObjectChange, object: StoredObject) => void) {
    this.#clock = clock;
    this.#changed = changed;
  }

  all(): Bucket[] {
    return [...this.#buckets.values()];
  }

  /** Throws 404. */
  get(name: string): Bucket {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) {
      throw new StorageError(404, 'notFound', 'The specified bucket does not exist.', 'NoSuchBucket');
    }
    return bucket;
  }

  /** Throws 400 for a name that no bucket can have, 409 for one that is taken. */
  create(name: string, settings: BucketSettings = { lifecycle: {} }): Bucket {
    if (!/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/.test(name)) throw invalid(`Invalid bucket name: "${name}".`);
    if (this.#buckets.has(name)) throw new StorageError(409, 'conflict', 'You already own this bucket.');
    const bucket = new Bucket(name, this.#clock, this.#changed);
    bucket.settings = settings;
    this.#buckets.set(name, bucket);
    return bucket;
  }

  /** Throws 409 when there are objects in it. */
  delete(bucket: Bucket): void {
    if (bucket.names().length > 0)
      throw new StorageError(409, 'conflict', 'The bucket you tried to delete is not empty.');
    this.#buckets.delete(bucket.name);
  }
}
