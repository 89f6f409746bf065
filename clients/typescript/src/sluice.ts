import { type Clock, machineClock, pause } from './clock.ts';
import { Direct } from './direct.ts';
import { ConfigurationError, NotFound } from './errors.ts';
import { EventMethods } from './eventMethods.ts';
import type { Event } from './events.ts';
import { download, type Source, type UploadOptions, upload } from './files.ts';
import { Lease, type LeaseCounts } from './leases.ts';
import { Outbox } from './outbox.ts';
import { Transport } from './transport.ts';
import type * as types from './types.ts';
import { lineOf } from './values.ts';

/** Tasks that a client without an outbox remembers to have created. */
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
  /**
   * The path of a file on a disk of this machine; SLUICE_OUTBOX where it is not given. With null each call is a
   * request, and resolves when Sluice has the event.
   */
  outbox?: string | null | undefined;
  /** The time that an event waits in the outbox for others: 2 s. */
  lingerMs?: number | undefined;
  /** The longest pause between attempts to send: a minute. */
  maxBackoffMs?: number | undefined;
  /** The time after which a request is given up, and without an outbox a call: 30 s. */
  timeoutMs?: number | undefined;
  /** Hears of each event that Sluice refuses for good, once it is aside. */
  onRefused?: ((event: types.SetAside) => unknown) | undefined;
  /** Hears how sending goes, where that changes: the console. */
  logger?: Pick<Console, 'info' | 'warn' | 'error'> | undefined;
  fetch?: typeof fetch | undefined;
  /** The machine's time in milliseconds since the epoch, which stamps follow. */
  now?: (() => number) | undefined;
  clock?: Clock | undefined;
  random?: (() => number) | undefined;
}

/** Sends events to Sluice, by an outbox or at once, and asks it what it knows. */
export class Sluice extends EventMethods implements AsyncDisposable {
  readonly #transport: Transport;
  readonly #direct: Direct;
  readonly #outbox: Outbox | undefined;
  readonly #known = new Set<string>();

  constructor(options: SluiceOptions = {}) {
    super();
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
    const path = options.outbox === undefined ? fromEnvironment('SLUICE_OUTBOX') : options.outbox;
    if (!path) return;
    const { lingerMs = 2000, maxBackoffMs = 60_000, onRefused, logger = console } = options;
    this.#outbox = new Outbox(path, this.#transport, { lingerMs, maxBackoffMs, onRefused, logger });
  }

  /** Sends events as lines of `POST /v1/events`, durable together: at most 1,000. */
  async sendEvents(events: readonly Event[]): Promise<void> {
    if (events.length < 1 || events.length > maxEvents) {
      throw new RangeError(`Send 1 to ${maxEvents} events at once; these are ${events.length}.`);
    }
    const lines = events.map(lineOf);
    const created = events.flatMap(({ type, task_id: id }) => (type === 'task' ? [String(id)] : []));
    if (this.#outbox !== undefined) return this.#outbox.write(lines, created);
    for (const taskId of created) this.#know(taskId);
    await this.#direct.send(lines);
  }

  /**
   * A task; with `wait` once it is completed, or as it is after `timeoutMs`.
   * @throws NotFound, but with `wait` only after the time for a task that this client created, or one before it in the
   * same outbox.
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
        if (!(error instanceof NotFound) || isLate || !(await this.#hasCreated(taskId))) throw error;
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
    await this.drain();
    const call = { query: { wait: wait || undefined }, timeoutMs: maxWaitMs + answerMs };
    return this.#transport.json('POST', '/v1/flush', call);
  }

  /**
   * Stores a file; answers what Sluice knows of it. More than a megabyte goes straight to storage, in parts.
   * @throws UploadInterrupted, whose `ticket` is given as `resume`, in another process too.
   */
  uploadFile(source: Source, options: UploadOptions): Promise<types.FileRecord> {
    return upload(this.#transport, source, options);
  }

  /** The bytes of a file. */
  downloadFile(fileId: string): Promise<Uint8Array<ArrayBuffer>> {
    return download(this.#transport, fileId);
  }

  /** The record of a file, without its bytes. */
  getFile(fileId: string): Promise<types.FileRecord> {
    return this.#transport.json('GET', `/v1/files/${encodeURIComponent(fileId)}`);
  }

  /** A page of files. */
  listFiles(filters: types.FileFilters = {}): Promise<types.FilePage> {
    return this.#transport.json('GET', '/v1/files', { query: { ...filters } });
  }

  async deleteFile(fileId: string): Promise<void> {
    await this.#transport.call('DELETE', `/v1/files/${encodeURIComponent(fileId)}`);
  }

  /** Deletes temporary files that are older than that. */
  cleanup({ maxAgeHours = 24 }: { maxAgeHours?: number } = {}): Promise<types.CleanedUp> {
    return this.#transport.json('POST', '/v1/cleanup', { json: { max_age_hours: maxAgeHours } });
  }

  /** A share of the quota for what this proxy does in Firestore itself; use it with `await using`. */
  lease({ ttlSeconds = 60, ...amounts }: LeaseCounts & { ttlSeconds?: number }): Lease {
    return new Lease(this.#transport, amounts, ttlSeconds);
  }

  /** The outbox's contents, and how sending goes. */
  outboxStatus(): Promise<types.OutboxStatus> {
    return this.#neededOutbox().status();
  }

  /** Events that the outbox keeps aside: refused for good, or cleared. */
  refused({
    afterId = 0,
    limit = 1000,
  }: {
    afterId?: number;
    limit?: number;
  } = {}): Promise<types.SetAside[]> {
    return this.#neededOutbox().setAside(afterId, limit);
  }

  /** Sends again what is aside, these or all that were refused; answers how many. */
  retryRefused(ids?: readonly number[]): Promise<number> {
    return this.#neededOutbox().retry(ids);
  }

  /** Moves aside, unsent, what waits of these types (`response`, `set`, …), or all; answers how many. */
  clearOutbox(types?: readonly string[]): Promise<number> {
    return this.#neededOutbox().clear(types);
  }

  /** Sends what the outbox holds now; true when Sluice has it, or it is aside. Without an outbox true. */
  async drain({ timeoutMs = 30_000 }: { timeoutMs?: number } = {}): Promise<boolean> {
    return (await this.#outbox?.drain(timeoutMs)) ?? true;
  }

  /** Sends what it can in that time and ends; the rest stays in the outbox. True when nothing does. */
  async close({ timeoutMs = 5000 }: { timeoutMs?: number } = {}): Promise<boolean> {
    return (await this.#outbox?.close(timeoutMs)) ?? true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #neededOutbox(): Outbox {
    if (this.#outbox !== undefined) return this.#outbox;
    throw new ConfigurationError('This client has no outbox: it sends at once.');
  }

  #hasCreated(taskId: string): boolean | Promise<boolean> {
    return this.#outbox?.hasCreated(taskId) ?? this.#known.has(taskId);
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
  const value = given || fromEnvironment(name);
  if (!value) throw new ConfigurationError(`Give ${option}, or set ${name}.`);
  return value;
}

function fromEnvironment(name: string): string | undefined {
  return globalThis.process?.env?.[name];
}
