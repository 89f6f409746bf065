import { ByteCache } from '../platform/byteCache.ts';
import { type ReadDocument, ttlField } from '../platform/documents.ts';
import type { JsonObject } from '../platform/json.ts';
import { taskIdOf } from './listing.ts';
import { minerViewOf } from './openTask.ts';
import { isFinalStatus } from './state.ts';

/** A task that is over, as much of it as miners may see. */
export interface FinalTask {
  status: string;
  writtenAtMs: number;
  /** When the database may delete it. */
  expiresAtMs: number;
  assigned: ReadonlySet<number>;
  view: JsonObject;
  /** By uid: nobody sees but the one of that miner. */
  responses: JsonObject;
  /** About what it takes in memory, and in an answer. */
  bytes: number;
}

/** The tasks that were over latest, in memory, up to so many bytes. */
export class FinalTasks {
  readonly #tasks: ByteCache<FinalTask>;

  constructor(maxBytes: number) {
    this.#tasks = new ByteCache(maxBytes);
  }

  /** The tasks, those written latest first. */
  newest(nowMs: number): FinalTask[] {
    return this.#tasks
      .values()
      .filter(({ expiresAtMs }) => expiresAtMs > nowMs)
      .sort((a, b) => b.writtenAtMs - a.writtenAtMs);
  }

  /** Takes a document in as it was read, unless a later form is known; a task that is open goes. Past the limit the first to come go. */
  put(document: ReadDocument): void {
    const taskId = taskIdOf(document);
    const task = finalTaskOf(taskId, document);
    const present = this.#tasks.get(taskId);
    if (task !== undefined && present !== undefined && present.writtenAtMs > task.writtenAtMs) return;
    if (task === undefined) this.#tasks.delete(taskId);
    else this.#tasks.set(taskId, task, task.bytes);
  }

  /** Forgets what was written before. */
  forgetBefore(writtenAtMs: number): void {
    this.#tasks.deleteWhere((task) => task.writtenAtMs < writtenAtMs);
  }
}

function finalTaskOf(taskId: string, { fields = {} }: ReadDocument): FinalTask | undefined {
  const { status, written_at: writtenAt, [ttlField]: expiresAt } = fields;
  if (typeof status !== 'string' || !isFinalStatus(status)) return undefined;
  const { view, assigned, responses, bytes } = minerViewOf(taskId, fields);
  return {
    status,
    writtenAtMs: writtenAt instanceof Date ? writtenAt.getTime() : 0,
    expiresAtMs: expiresAt instanceof Date ? expiresAt.getTime() : Number.POSITIVE_INFINITY,
    assigned,
    view,
    responses,
    bytes: bytes + JSON.stringify(responses).length,
  };
}
