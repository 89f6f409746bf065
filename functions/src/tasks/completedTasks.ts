import { smallest } from '../platform/arrays.ts';
import {
  type Fields,
  type Filter,
  type QueryResult,
  type ReadDocument,
  ttlField,
} from '../platform/documents.ts';
import { messageOf } from '../platform/errors.ts';
import type { Json } from '../platform/json.ts';
import type { ObjectStore } from '../platform/objects.ts';
import { mapPool } from '../platform/pool.ts';
import type { Using } from '../platform/services.ts';
import { loadBodyObject } from '../staging/bodies.ts';
import { taskIdOf } from './document.ts';
import { bodiesInFlight } from './limits.ts';
import { completedPageSize, maxCompletedTasks, maxOlderTasks } from './readLimits.ts';
import { bodyBytesOf, type ValidatorTask, validatorElement, validatorTaskOf } from './validatorTasks.ts';

interface CompletedTasksOptions extends Using<'logger'> {
  objects: Pick<ObjectStore, 'get'>;
  /** Bytes of one answer; memory holds twice as much. */
  maxAnswerBytes: number;
}

/** A completed task in memory: its element as it is sent, or what that is made of once its bodies are fetched. */
interface Kept {
  taskId: string;
  writtenAtMs: number;
  completedAt: string;
  expiresAtMs: number;
  bytes: number;
  element: Buffer | ValidatorTask;
}

/** The place in the database, in the order of writing, behind which nothing was read yet. */
interface Rest {
  /** Undefined: nothing was read at all. */
  atMs?: number;
  cursor?: string | undefined;
}

/** A query for completed tasks that memory has not. */
interface OlderQuery {
  filters: Filter[];
  after: string | undefined;
  limit: number;
}

type ReadOlder = (query: OlderQuery) => Promise<Pick<QueryResult, 'documents' | 'cursor'>>;

/**
 * The completed tasks that were written latest, in memory, as validators read them. Past its bounds those written
 * longest ago are forgotten, and read again once there is room.
 */
export class CompletedTasks {
  readonly #options: CompletedTasksOptions;
  readonly #tasks = new Map<string, Kept>();
  #bytes = 0;
  #rest: Rest | undefined = {};
  /** Tasks that changed while older ones were being read. */
  #changed: Set<string> | undefined;
  #changes = 0;
  #answer: { json: Buffer; untilMs: number } | undefined;
  #making: { json: Promise<Buffer>; changes: number } | undefined;

  constructor(options: CompletedTasksOptions) {
    this.#options = options;
  }

  /** True once anything was read: no task is an answer then. */
  get isRead(): boolean {
    return this.#rest === undefined || Object.keys(this.#rest).length > 0;
  }

  /** Takes a document in as the database has it now. */
  put(document: ReadDocument): void {
    const taskId = taskIdOf(document);
    this.#changed?.add(taskId);
    this.#remove(taskId);
    const kept = this.#keptOf(taskId, document.fields ?? {});
    if (kept === undefined) return;
    this.#add(kept);
    while (this.#tasks.size > 2 * maxCompletedTasks || this.#bytes > 2 * this.#options.maxAnswerBytes)
      this.#forgetOldest();
  }

  /** Forgets everything. */
  clear(): void {
    this.#tasks.clear();
    this.#bytes = 0;
    this.#rest = {};
    this.#forgetAnswer();
  }

  /**
   * Reads older tasks until there are as many as an answer holds, or none is left, or too many were none that
   * validators can read; one call at a time.
   * @throws what `read` throws
   */
  async fill(read: ReadOlder, pageSize = completedPageSize): Promise<void> {
    this.#changed = new Set();
    let found = 0;
    for (let rest = this.#wanted(); rest !== undefined; rest = this.#wanted()) {
      const limit = Math.min(pageSize, maxCompletedTasks - this.#tasks.size);
      const { atMs, cursor: after } = rest;
      // Many are written at the same time, of which the database knows more digits.
      const before: Filter[] =
        atMs === undefined ? [] : [{ field: 'written_at', op: '<', value: new Date(atMs + 1) }];
      const page = await read({ filters: after === undefined ? before : [], after, limit });
      // What was forgotten meanwhile is newer than this.
      if (this.#rest !== rest) continue;
      found += page.documents.length;
      const isLast = page.documents.length < limit || found >= maxOlderTasks;
      this.#rest = isLast ? undefined : { cursor: page.cursor };
      for (const document of page.documents) {
        const taskId = taskIdOf(document);
        if (this.#changed?.has(taskId) || this.#tasks.has(taskId)) continue;
        const kept = this.#keptOf(taskId, document.fields ?? {});
        if (kept === undefined) continue;
        this.#add(kept);
        if (this.#bytes <= 2 * this.#options.maxAnswerBytes) continue;
        this.#forgetOldest();
        break;
      }
    }
    this.#changed = undefined;
  }

  /** The JSON of the tasks that were completed latest, the newest first, as many as one answer holds. */
  async answer(nowMs: number): Promise<Buffer> {
    if (this.#answer !== undefined && nowMs < this.#answer.untilMs) return this.#answer.json;
    // Its bodies are fetched, and take memory, once for all who ask together.
    if (this.#making?.changes !== this.#changes) {
      const making = { json: this.#make(nowMs), changes: this.#changes };
      this.#making = making;
      await making.json.finally(() => {
        if (this.#making === making) this.#making = undefined;
      });
      return making.json;
    }
    return this.#making.json;
  }

  async #make(nowMs: number): Promise<Buffer> {
    const changes = this.#changes;
    const shown = this.#newest(nowMs);
    await mapPool(shown, bodiesInFlight, (kept) => this.#complete(kept));
    const elements = shown.flatMap(({ element }) => (Buffer.isBuffer(element) ? element : []));
    const json = jsonArray(elements);
    const untilMs = smallest(shown.map(({ expiresAtMs }) => expiresAtMs));
    if (elements.length === shown.length && changes === this.#changes) this.#answer = { json, untilMs };
    return json;
  }

  #wanted(): Rest | undefined {
    const isFull = this.#tasks.size >= maxCompletedTasks || this.#bytes >= this.#options.maxAnswerBytes;
    return isFull ? undefined : this.#rest;
  }

  #newest(nowMs: number): Kept[] {
    let bytes = 2;
    return [...this.#tasks.values()]
      .filter(({ expiresAtMs }) => expiresAtMs > nowMs)
      .sort((a, b) => (a.completedAt > b.completedAt ? -1 : Number(a.completedAt < b.completedAt)))
      .slice(0, maxCompletedTasks)
      .filter((kept) => {
        const fits = bytes + kept.bytes + 1 <= this.#options.maxAnswerBytes;
        if (fits) bytes += kept.bytes + 1;
        return fits;
      });
  }

  /** Makes the element of a task whose bodies are in Cloud Storage; one that cannot be made now is left out. */
  async #complete(kept: Kept): Promise<void> {
    const { element: task } = kept;
    if (Buffer.isBuffer(task)) return;
    const { objects, logger } = this.#options;
    try {
      const names = task.answers.flatMap(({ body }) => body?.object ?? []);
      const bodies = new Map<string, Json>();
      await mapPool(names, bodiesInFlight, async (name) => {
        const data = await loadBodyObject(name, objects);
        if (data !== undefined) bodies.set(name, data);
      });
      const element = Buffer.from(validatorElement(task, bodies));
      if (this.#tasks.get(kept.taskId) === kept) this.#bytes += element.length - kept.bytes;
      kept.bytes = element.length;
      kept.element = element;
    } catch (error) {
      logger.warn('A completed task is not shown to validators: a body cannot be read', {
        task_id: kept.taskId,
        reason: messageOf(error),
      });
    }
  }

  #keptOf(taskId: string, fields: Fields): Kept | undefined {
    const task = validatorTaskOf(taskId, fields);
    if (task === undefined) return undefined;
    const bodyBytes = bodyBytesOf(task);
    const element = Buffer.from(validatorElement(task, new Map()));
    // Each answer is in it twice.
    const bytes = element.length + 2 * bodyBytes;
    if (bytes + 2 > this.#options.maxAnswerBytes) {
      this.#options.logger.warn('A completed task is too large for validators', { task_id: taskId, bytes });
      return undefined;
    }
    const { written_at: writtenAt, [ttlField]: expiresAt } = fields;
    return {
      taskId,
      writtenAtMs: writtenAt instanceof Date ? writtenAt.getTime() : 0,
      completedAt: task.completedAt,
      expiresAtMs: expiresAt instanceof Date ? expiresAt.getTime() : Number.POSITIVE_INFINITY,
      bytes,
      element: bodyBytes === 0 ? element : task,
    };
  }

  #add(kept: Kept): void {
    this.#tasks.set(kept.taskId, kept);
    this.#bytes += kept.bytes;
    this.#forgetAnswer();
  }

  #remove(taskId: string): void {
    const kept = this.#tasks.get(taskId);
    if (kept === undefined) return;
    this.#tasks.delete(taskId);
    this.#bytes -= kept.bytes;
    this.#forgetAnswer();
  }

  #forgetAnswer(): void {
    this.#answer = undefined;
    this.#changes += 1;
  }

  #forgetOldest(): void {
    let oldest: Kept | undefined;
    for (const kept of this.#tasks.values())
      if (oldest === undefined || kept.writtenAtMs <= oldest.writtenAtMs) oldest = kept;
    if (oldest === undefined) return;
    this.#remove(oldest.taskId);
    // It is read again later than it changed.
    this.#changed?.delete(oldest.taskId);
    this.#rest = this.isRead ? { atMs: oldest.writtenAtMs } : {};
  }
}

function jsonArray(elements: readonly Buffer[]): Buffer {
  const pieces = elements.flatMap((element, index) => [Buffer.from(index === 0 ? '[' : ','), element]);
  return Buffer.concat(elements.length === 0 ? [Buffer.from('[]')] : [pieces, Buffer.from(']')].flat());
}
