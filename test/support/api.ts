import { createRequire } from 'node:module';
import type { TaskEvent } from '../../functions/src/events/event.ts';
import type { Role } from '../../functions/src/http/roles.ts';
import type { Route } from '../../functions/src/http/route.ts';
import type { DocumentStore } from '../../functions/src/platform/documents.ts';
import { firestoreDocuments } from '../../functions/src/platform/firestore.ts';
import { OperationMeter } from '../../functions/src/quota/meter.ts';
import { documentChanges, taskDocument, taskPath, taskState } from '../../functions/src/tasks/document.ts';
import { reduceTask } from '../../functions/src/tasks/reducer.ts';
import { emptyTask } from '../../functions/src/tasks/state.ts';
import { type LocalFirestore, startFirestore } from '../../local/firestore/index.ts';
import type { LocalClock, LocalTimer } from '../../local/shared/clock.ts';
import { Faults } from '../../local/shared/faults.ts';
import { startMs } from './clock.ts';
import { type Answer, firstKeys, serveRoutes, type TestServer } from './http.ts';
import { memoryLogger } from './logger.ts';
import { MemoryObjects } from './objects.ts';
import { unlimitedDocuments } from './quota.ts';

// Off the cloud, the clients would look for a metadata server.
process.env['METADATA_SERVER_DETECTION'] ??= 'none';

/** The functions' own copy of the Admin SDK: where they look for an app, the tests must make it. */
const { deleteApp, getApps, initializeApp } = createRequire(
  new URL('../../functions/src/platform/firestore.ts', import.meta.url),
)('firebase-admin/app') as typeof import('firebase-admin/app');

/** The machine's time plays no part: stands until it is moved. Starts on a tick of 5 s. */
export class StandingClock implements LocalClock {
  #offsetMs = 0;
  readonly #timers = new Set<LocalTimer>();

  now(): number {
    return startMs + this.#offsetMs;
  }

  setTimeout(run: () => void, delayMs: number): LocalTimer {
    const timer = { dueMs: this.now() + Math.max(0, delayMs), run };
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(timer: LocalTimer | undefined): void {
    if (timer !== undefined) this.#timers.delete(timer);
  }

  nextDueMs(): number | undefined {
    const due = [...this.#timers].map(({ dueMs }) => dueMs);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  /** The number of timers due at this moment, counted from the start. */
  timersAt(sinceStartMs: number): number {
    return [...this.#timers].filter(({ dueMs }) => dueMs === startMs + sinceStartMs).length;
  }

  offsetMs(): number {
    return this.#offsetMs;
  }

  setOffsetMs(offsetMs: number): void {
    this.#offsetMs = offsetMs;
    for (const timer of this.#timers) {
      if (timer.dueMs <= this.now() && this.#timers.delete(timer)) timer.run();
    }
  }

  /** Moves to this moment, counted from the start. */
  moveTo(sinceStartMs: number): void {
    this.setOffsetMs(sinceStartMs);
  }
}

/** Gives everything that goes on a turn until the condition holds; the test's time-out is the limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** Firestore on this machine behind the official client, and what the routes need beside it. */
export interface Backend {
  clock: StandingClock;
  faults: Faults;
  firestore: LocalFirestore;
  documents: DocumentStore;
  meter: OperationMeter;
  objects: MemoryObjects;
  logger: ReturnType<typeof memoryLogger>;
  /** Writes a task as the flusher would. */
  write(...events: TaskEvent[]): Promise<void>;
  /** Billed reads since the last call. */
  billedReads(): number;
  serve(routes: Route[], keys?: { id: string; role: Role; key: string; uids: number[] }[]): Promise<Api>;
  close(): Promise<void>;
}

export interface Api {
  /** Calls with the key of a role, or with a key of its own. */
  get(path: string, key?: string, headers?: Record<string, string>): Promise<Answer>;
  post(path: string, body?: unknown, key?: string): Promise<Answer>;
}

const taskTimeoutMs = 3_600_000;

export async function startBackend(): Promise<Backend> {
  const clock = new StandingClock();
  const faults = new Faults(clock);
  const firestore = await startFirestore({ port: 0, clock, faults });
  const hostBefore = process.env['FIRESTORE_EMULATOR_HOST'];
  process.env['FIRESTORE_EMULATOR_HOST'] = `127.0.0.1:${firestore.port}`;
  initializeApp({ projectId: 'demo-sluice' });
  const direct = firestoreDocuments({ clock, limitMs: 15_000 });
  const meter = new OperationMeter();
  const objects = new MemoryObjects(clock);
  const logger = memoryLogger();
  const servers: TestServer[] = [];

  /** Reads by `write`, which are not the routes'. */
  let uncounted = 0;
  const write = async (...events: TaskEvent[]): Promise<void> => {
    const taskId = events[0]?.taskId ?? '';
    const [present] = await direct.read([taskPath(taskId)], 'test');
    const before = present?.fields && taskState(taskId, present.fields, taskTimeoutMs);
    const { state } = reduceTask(before ?? emptyTask(taskId), events, taskTimeoutMs);
    const changes = documentChanges(present?.fields ?? {}, taskDocument(state, { retentionMs: 0 }));
    await direct.commit(
      [{ path: taskPath(taskId), ifVersion: present?.version ?? 'absent', changes }],
      'test',
    );
    uncounted += 1;
  };

  return {
    clock,
    faults,
    firestore,
    documents: unlimitedDocuments(async () => direct, meter),
    meter,
    objects,
    logger,
    write,
    billedReads: () => {
      const { reads } = firestore.usage();
      firestore.resetUsage();
      const own = reads - uncounted;
      uncounted = 0;
      return own;
    },
    serve: async (routes, keys = []) => {
      const shared = { objects: objects.connect(), clock, logger };
      const server = await serveRoutes(routes, { ...shared, secret: firstKeys(keys) });
      servers.push(server);
      return {
        get: (path, key = 'read-key', headers = {}) =>
          server.call(path, { headers: { 'x-api-key': key, ...headers } }),
        post: (path, body, key = 'admin-key') =>
          server.call(path, {
            method: 'POST',
            headers: { 'x-api-key': key, 'content-type': 'application/json' },
            ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          }),
      };
    },
    close: async () => {
      await Promise.all(servers.map((server) => server.close()));
      // The clients' own apps too: an app that stays would be the next file's.
      for (const app of getApps()) await deleteApp(app);
      await firestore.close();
      if (hostBefore === undefined) delete process.env['FIRESTORE_EMULATOR_HOST'];
      else process.env['FIRESTORE_EMULATOR_HOST'] = hostBefore;
    },
  };
}
