import { type Clock, machineClock, pause } from './clock.ts';
import { Direct } from './direct.ts';
import { ConfigurationError, NotFound } from './errors.ts';
import { type Event, fieldsEvent, newId, operationEvent, responseEvent, taskEvent } from './events.ts';
import { Transport } from './transport.ts';
import type * as types from './types.ts';
import { lineOf } from './values.ts';

/** Tasks that a client created and whose reads it therefore waits for. */
const maxKnownTasks = 100_000;
const maxEvents = 1000;
/** The longest wait of one read, as Sluice has it. */
const maxWaitMs = 25_000;
/** The time that an answer may take beyond the wait that was asked for. */
const answerMs = 15_000;
/** The pause before a task is looked for again that is not there yet, though Sluice waited for it. */
const absentMs = 1000;

export interface SluiceOptions {
  /** The address of Sluice; SLUICE_URL where it is not given. */
  url?: string | undefined;
  /** SLUICE_API_KEY where it is not given. */
  key?: string | undefined;
  /** The time after which a request is given up. */
  timeoutMs?: number | undefined;
  fetch?: typeof fetch | undefined;
  /** The machine's time in milliseconds since the epoch, which stamps follow. */
  now?: (() => number) | undefined;
  clock?: Clock | undefined;
  random?: (() => number) | undefined;
}

/** Sends events to Sluice, by an outbox or at once, and asks it what it knows. */
export class Sluice implements AsyncDisposable {
  readonly #transport: Transport;
  readonly #direct: Direct;
  readonly #known = new Set<string>();

  constructor(options: SluiceOptions = {}) {
    const { clock = machineClock, now = Date.now, random = Math.random, timeoutMs = 30_000 } = options;
    this.#transport = new Transport({
      url: setting(options.url, 'SLUICE_URL', 'url'),
      key: setting(options.key, 'SLUICE_API_KEY', 'key'),
      timeoutMs,
      // Called as a method of something else, a browser's refuses.
      fetch: options.fetch ?? ((address, init) => fetch(address, init)),
      clock,
      now,
      random,
    });
    this.#direct = new Direct(this.#transport);
  }

  /** Sends a miner's answer. */
  async sendResponse(
    taskId: string,
    minerUid: number,
    responseData?: unknown,
    members: types.ResponseMembers = {},
  ): Promise<void> {
    await this.sendEvents([responseEvent(taskId, minerUid, responseData, members)]);
  }

  /** Creates a task; answers its id. */
  async createTask(
    taskType: string,
    fields: types.TaskFields = {},
    { taskId = newId(), ...options }: types.EventOptions & { taskId?: string | undefined } = {},
  ): Promise<string> {
    await this.sendEvents([taskEvent(taskId, taskType, fields, options)]);
    return taskId;
  }

  /** Sets fields of a task; null clears one. */
  async setFields(
    taskId: string,
    fields: types.TaskChanges,
    options: types.EventOptions = {},
  ): Promise<void> {
    await this.sendEvents([fieldsEvent(taskId, fields, options)]);
  }

  /** Replaces a document. */
  async set(
    path: string,
    data: Readonly<Record<string, unknown>>,
    options: types.EventOptions = {},
  ): Promise<void> {
    await this.sendEvents([operationEvent('set', path, data, options)]);
  }

  /** Sets the places of a document that dotted paths lead to. */
  async update(
    path: string,
    data: Readonly<Record<string, unknown>>,
    options: types.EventOptions = {},
  ): Promise<void> {
    await this.sendEvents([operationEvent('update', path, data, options)]);
  }

  /** Takes a document away. */
  async delete(path: string, options: types.EventOptions = {}): Promise<void> {
    await this.sendEvents([operationEvent('delete', path, undefined, options)]);
  }

  /** Makes a document under an id of its own; answers the id. */
  async createDocument(
    collection: string,
    data: Readonly<Record<string, unknown>>,
    options: types.EventOptions = {},
  ): Promise<string> {
    const documentId = newId();
    await this.set(`${collection}/${documentId}`, data, options);
    return documentId;
  }

  /** Sends events as lines of `POST /v1/events`, durable together: at most 1,000. */
  async sendEvents(events: readonly Event[]): Promise<void> {
    if (events.length < 1 || events.length > maxEvents) {
      throw new RangeError(`Send 1 to ${maxEvents} events at once; these are ${events.length}.`);
    }
    const lines = events.map(lineOf);
    for (const { type, task_id: taskId } of events) if (type === 'task') this.#know(String(taskId));
    await this.#direct.send(lines);
  }

  /**
   * A task; with `wait` once it is completed, or as it is after `timeoutMs`.
   * @throws NotFound, but with `wait` only after the time for a task that this client created.
   */
  async getTask(
    taskId: string,
    { wait = false, timeoutMs = maxWaitMs }: { wait?: boolean; timeoutMs?: number } = {},
  ): Promise<types.Task> {
    const path = `/v1/tasks/${encodeURIComponent(taskId)}`;
    if (!wait) return this.#transport.json('GET', path);
    const { clock } = this.#transport.world;
    const endMs = clock.now() + timeoutMs;
    for (;;) {
      const waitMs = Math.min(maxWaitMs, Math.max(1000, endMs - clock.now()));
      const query = { wait: 'completed', timeout: Math.round(waitMs / 1000) };
      const call = { query, timeoutMs: waitMs + answerMs };
      try {
        const task = await this.#transport.json<types.Task>('GET', path, call);
        if (isFinal(task) || clock.now() >= endMs) return task;
      } catch (error) {
        const isLate = clock.now() + absentMs >= endMs;
        if (!(error instanceof NotFound) || !this.#known.has(taskId) || isLate) throw error;
        await pause(clock, absentMs);
      }
    }
  }

  /** A page of tasks. */
  listTasks(filters: types.TaskFilters = {}): Promise<types.TaskPage> {
    return this.#transport.json('GET', '/v1/tasks', { query: { ...filters } });
  }

  /** All tasks, the newest written first, page by page. */
  async *tasks(filters: types.TaskFilters = {}): AsyncGenerator<types.TaskPage['tasks'][number], void> {
    for (let cursor = filters.cursor; ; ) {
      const page = await this.listTasks({ ...filters, cursor });
      yield* page.tasks;
      if (page.next_cursor === null) return;
      cursor = page.next_cursor;
    }
  }

  /** The work that waits and runs in Sluice. */
  status({ detail = false }: { detail?: boolean } = {}): Promise<types.Status> {
    return this.#transport.json('GET', '/v1/status', { query: { detail: detail || undefined } });
  }

  /** The use of the quota. */
  quota(): Promise<types.Quota> {
    return this.#transport.json('GET', '/v1/quota');
  }

  /** The latest warnings of the quota. */
  async warnings({ limit = 10 }: { limit?: number } = {}): Promise<types.Warnings> {
    const answer = await this.#transport.json<{ warnings: types.Warnings }>('GET', '/v1/warnings', {
      query: { limit },
    });
    return answer.warnings;
  }

  /** Sends what the outbox holds, and asks Sluice to write all that it accepted before. */
  async flush({ wait = false }: { wait?: boolean } = {}): Promise<types.Flushed> {
    const call = { query: { wait: wait || undefined }, timeoutMs: maxWaitMs + answerMs };
    return this.#transport.json('POST', '/v1/flush', call);
  }

  async close(): Promise<boolean> {
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #know(taskId: string): void {
    this.#known.add(taskId);
    if (this.#known.size > maxKnownTasks)
      for (const oldest of this.#known) return void this.#known.delete(oldest);
  }
}

function isFinal({ status }: types.Task): boolean {
  return ['completed', 'approved', 'failed', 'cancelled'].includes(status ?? '');
}

/** A setting of the caller's, or of the environment where there is one. */
function setting(given: string | undefined, name: string, option: string): string {
  const value = given || globalThis.process?.env?.[name];
  if (!value) throw new ConfigurationError(`Give ${option}, or set ${name}.`);
  return value;
}
