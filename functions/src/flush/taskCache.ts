import type { DocumentVersion, Fields } from '../platform/documents.ts';
import type { TaskState } from '../tasks/state.ts';

/** A task as this instance last saw it in the database. */
export interface KnownTask {
  state: TaskState;
  /** Its document's fields; undefined where there is no document. */
  document: Fields | undefined;
  version: DocumentVersion | 'absent';
}

/**
 * What this instance last wrote or read, by task id, the least recently used out first. It may be out of date: writes
 * based on it carry its version as their precondition.
 */
export class TaskCache {
  readonly #maxBytes: number;
  readonly #entries = new Map<string, { task: KnownTask; bytes: number }>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get(taskId: string): KnownTask | undefined {
    const entry = this.#entries.get(taskId);
    if (entry === undefined) return undefined;
    this.#entries.delete(taskId);
    this.#entries.set(taskId, entry);
    return entry.task;
  }

  /** `bytes`: the document's size, which stands for the entry's. */
  set(taskId: string, task: KnownTask, bytes: number): void {
    this.delete(taskId);
    this.#entries.set(taskId, { task, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.delete(oldest);
    }
  }

  delete(taskId: string): void {
    this.#bytes -= this.#entries.get(taskId)?.bytes ?? 0;
    this.#entries.delete(taskId);
  }
}
