/**
 * A Cloud Storage bucket as Sluice needs it. Every method throws AppError `unavailable` when the service fails,
 * or does not answer in time.
 */
export interface ObjectStore {
  /** The object, or undefined where there is none. */
  get(name: string): Promise<StoredObject | undefined>;
  /** The object if its generation is another than the given; `unchanged`; or undefined where there is none. */
  getIfChanged(name: string, generation: string): Promise<StoredObject | 'unchanged' | undefined>;
  /**
   * Writes an object and returns its generation.
   * @throws AppError `conflict` when `ifGeneration` ('0': must not exist) is not the present one.
   */
  put(name: string, bytes: Uint8Array, options?: PutOptions): Promise<string>;
  /** Deletes an object; one that is not there is no error. */
  delete(name: string): Promise<void>;
  /** Objects under a prefix in the order of their names, at most `limit`, after the name `after`. */
  list(prefix: string, options: { limit: number; after?: string }): Promise<ListedObject[]>;
  /** Moves an object's customTime forward; one that is not there is no error. Returns whether it is there. */
  setCustomTime(name: string, customTimeMs: number): Promise<boolean>;
}

/** Objects under a prefix that are Sluice's by their names, in order, after the name `after`; others' are passed over. */
export async function* ownObjects(
  objects: Pick<ObjectStore, 'list'>,
  prefix: string,
  { isOwn, limit, after }: { isOwn: (name: string) => boolean; limit: number; after?: string | undefined },
): AsyncGenerator<ListedObject> {
  for (let last = after; ; ) {
    const page = await objects.list(prefix, last === undefined ? { limit } : { limit, after: last });
    yield* page.filter(({ name }) => isOwn(name));
    last = page.at(-1)?.name;
    if (page.length < limit || last === undefined) return;
  }
}

export interface StoredObject {
  bytes: Buffer;
  generation: string;
}

export interface PutOptions {
  contentType?: string;
  customTimeMs?: number;
  ifGeneration?: string;
}

export interface ListedObject {
  name: string;
  bytes: number;
  updatedMs: number;
}
