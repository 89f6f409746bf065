import type { Snapshot } from './kind.ts';

/**
 * Memory of an entry beside its document, and for each byte of that: the state and the fields, measured with tasks of
 * 300 to 600 bytes (2 and 4 KB).
 */
const entryBytes = 1_500;
const heldPerByte = 4;

/**
 * Remembers what this instance last wrote or read, by path, the least recently used out first. It may be out of date: writes
 * based on it carry its version as their precondition.
 */
export class DocumentCache {
  readonly #maxBytes: number;
  readonly #entries = new Map<string, { snapshot: Snapshot; bytes: number }>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get(path: string): Snapshot | undefined {
    const entry = this.#entries.get(path);
    if (entry === undefined) return undefined;
    this.#entries.delete(path);
    this.#entries.set(path, entry);
    return entry.snapshot;
  }

  /** `documentBytes`: the document's size in the database. */
  set(path: string, snapshot: Snapshot, documentBytes: number): void {
    this.delete(path);
    const bytes = entryBytes + documentBytes * heldPerByte;
    this.#entries.set(path, { snapshot, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.delete(oldest);
    }
  }

  delete(path: string): void {
    this.#bytes -= this.#entries.get(path)?.bytes ?? 0;
    this.#entries.delete(path);
  }
}
