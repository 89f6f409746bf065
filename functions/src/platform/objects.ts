/** What Sluice needs of a Cloud Storage bucket. Every method throws AppError `unavailable` when the service fails. */
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
