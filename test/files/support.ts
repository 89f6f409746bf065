import { createRequire } from 'node:module';
import { StampSource } from '../../functions/src/events/stamp.ts';
import { type CleanupOptions, type CleanupReport, cleanUp } from '../../functions/src/files/cleanup.ts';
import { signedAddresses } from '../../functions/src/files/content.ts';
import type { FileIndex, IndexOptions } from '../../functions/src/files/fileIndex.ts';
import { finalize } from '../../functions/src/files/finalize.ts';
import { storageMs, storagePutMs } from '../../functions/src/files/limits.ts';
import type { FileParts } from '../../functions/src/files/parts.ts';
import { type FileRecord, fieldsOf, filePath } from '../../functions/src/files/record.ts';
import { fileRoutes } from '../../functions/src/files/routes.ts';
import { type FileSecret, fileSecret } from '../../functions/src/files/secret.ts';
import type { Route } from '../../functions/src/http/route.ts';
import { cloudObjects } from '../../functions/src/platform/cloudStorage.ts';
import type { DocumentStore, Fields } from '../../functions/src/platform/documents.ts';
import { AppError } from '../../functions/src/platform/errors.ts';
import { firestoreDocuments } from '../../functions/src/platform/firestore.ts';
import { randomIds } from '../../functions/src/platform/ids.ts';
import type { ObjectFacts } from '../../functions/src/platform/objects.ts';
import { type LocalFirestore, startFirestore } from '../../local/firestore/index.ts';
import { type Fault, Faults, type LocalServiceName } from '../../local/shared/faults.ts';
import { type LocalStorage, type StorageEvent, startStorage } from '../../local/storage/index.ts';
import { StandingClock } from '../support/api.ts';
import { type Answer, firstKeys, serveRoutes, type TestServer } from '../support/http.ts';
import { memoryLogger } from '../support/logger.ts';
import { MemoryObjects } from '../support/objects.ts';

/** Cleanup's own object. */
export const lastWriteRecord = 'control/files-written.json';

export const bucketName = 'demo-sluice.firebasestorage.app';

/** The functions' own copy of the Admin SDK: where they look for an app, the tests must make it. */
const { deleteApp, getApps, initializeApp } = createRequire(
  new URL('../../functions/src/platform/firestore.ts', import.meta.url),
)('firebase-admin/app') as typeof import('firebase-admin/app');

/** The pipeline as files see it: what it took is in Firestore once the test says so. */
class HeldIndex implements FileIndex {
  readonly written: ({ record: FileRecord } & IndexOptions)[] = [];
  isDown = false;

  async write(record: FileRecord, options: IndexOptions): Promise<void> {
    if (this.isDown) throw new AppError('unavailable', 'Neither Cloud Tasks nor Cloud Storage confirmed.');
    this.written.push({ record, ...options });
  }

  /** Writes the newest record of each file. */
  async flush(documents: DocumentStore): Promise<void> {
    const newest = new Map<string, FileRecord>();
    for (const { record } of this.written.sort((a, b) => (a.stamp < b.stamp ? -1 : 1))) {
      newest.set(record.fileId, record);
    }
    this.written.length = 0;
    for (const record of newest.values()) {
      const changes = Object.entries(fieldsOf(record)).map(([name, value]) => ({ path: [name], value }));
      await documents.commit([{ path: filePath(record.fileId), ifVersion: 'any', changes }], 'test');
    }
  }
}

/** The files' routes over HTTP, in front of Firestore and Cloud Storage on this machine behind the official clients. */
export interface FilesBackend extends FileParts {
  clock: StandingClock;
  faults: Faults;
  firestore: LocalFirestore;
  storage: LocalStorage;
  index: HeldIndex;
  logger: ReturnType<typeof memoryLogger>;
  server: TestServer;
  /** Files that were noted as stored in Firestore. */
  noted: { stored: number };
  /** Every call of a service fails from now on. */
  fail(service: LocalServiceName, code: number, more?: Pick<Partial<Fault>, 'phase' | 'method'>): void;
  /** Calls with the admin's key. */
  call(
    path: string,
    method?: string,
    body?: Buffer<ArrayBuffer> | FormData,
    headers?: object,
  ): Promise<Answer>;
  /** Moves the time on. */
  pass(ms: number): void;
  /** Services of a cleanup; a test may put others in their place. */
  cleanup: CleanupOptions;
  /** Runs a thorough cleanup. */
  clean(maxAgeMs?: number): Promise<CleanupReport>;
  /** Hands the bucket's events over that came since the last call. */
  finalize(): Promise<void>;
  /** Finalizes, and writes what the pipeline took. */
  settle(): Promise<void>;
  /** Names of all objects in the bucket but the record of the last write. */
  names(): Promise<string[]>;
  /** The bucket's small objects. */
  control: MemoryObjects;
  fields(fileId: string): Promise<Fields | undefined>;
  /** Ids of all documents. */
  documentIds(): Promise<string[]>;
  close(): Promise<void>;
}

interface FilesBackendOptions {
  inlineMaxBytes?: number;
  maxFileBytes?: number;
  redirects?: boolean;
  /** Documents for miners' keys, where they are others than for other keys. */
  miners?: (documents: DocumentStore) => DocumentStore;
  /** Further routes. */
  more?: (parts: FileParts & { secret: FileSecret }) => Route[];
}

export async function startFiles(options: FilesBackendOptions = {}): Promise<FilesBackend> {
  const { inlineMaxBytes = 1_000, maxFileBytes = 40 * 1024 * 1024 } = options;
  const clock = new StandingClock();
  const faults = new Faults(clock);
  const events: StorageEvent[] = [];
  const firestore = await startFirestore({ port: 0, clock, faults });
  const storage = await startStorage({
    port: 0,
    clock,
    faults,
    buckets: [bucketName],
    onEvent: (event) => events.push(event),
  });
  const restore = setEnv({
    FIRESTORE_EMULATOR_HOST: `127.0.0.1:${firestore.port}`,
    STORAGE_EMULATOR_HOST: `http://127.0.0.1:${storage.port}`,
  });
  initializeApp({ projectId: 'demo-sluice' });
  const documents = firestoreDocuments({ clock, limitMs: 15_000 });
  const objects = cloudObjects(bucketName, { clock, limitMs: storageMs, putMs: storagePutMs });
  const logger = memoryLogger();
  const noted = { stored: 0 };
  const index = new HeldIndex();
  const stamps = new StampSource(clock, 'instance');
  const control = new MemoryObjects(clock);
  const parts = { objects, documents, index, stamps, clock, logger, secret: fileSecret(control.connect()) };
  const routes = [
    ...fileRoutes({
      ...parts,
      noteStored: () => {
        noted.stored += 1;
      },
      minersDocuments: options.miners?.(documents) ?? documents,
      ids: randomIds,
      inlineMaxBytes,
      maxFileBytes,
      addressOf: options.redirects ? signedAddresses(parts) : undefined,
    }),
    ...(options.more?.(parts) ?? []),
  ];
  const server = await serveRoutes(routes, {
    secret: firstKeys([
      { id: 'uid', role: 'miner', key: 'uid-key', uids: [7] },
      { id: 'second-proxy', role: 'proxy', key: 'second-proxy-key' },
    ]),
    limits: { maxBodyBytes: 31 * 1024 * 1024 },
    clock,
    logger,
    ids: randomIds,
  });
  const cleanup: CleanupOptions = { ...parts, firstPurpose: 'cleanup_first' };
  const handOver = async (): Promise<void> => {
    for (const { type, object, atMs } of events.splice(0)) {
      if (type.endsWith('finalized')) await finalize(parts, factsOf(object), atMs);
    }
  };
  return {
    ...parts,
    faults,
    firestore,
    storage,
    noted,
    control,
    server,
    fail: (service, code, more = {}) =>
      faults.add({ service, code, rate: 1, forMs: Number.POSITIVE_INFINITY, phase: 'before', ...more }),
    call: (path, method = 'GET', body = undefined, headers = {}) =>
      server.call(path, {
        method,
        headers: { 'x-api-key': 'admin-key', ...headers },
        ...(body === undefined ? {} : { body }),
      }),
    pass: (ms) => clock.moveTo(clock.offsetMs() + ms),
    cleanup,
    clean: (maxAgeMs = 86_400_000) => cleanUp(cleanup, { maxAgeMs, isThorough: true, isAsked: true }),
    finalize: handOver,
    settle: async () => {
      await handOver();
      await index.flush(documents);
    },
    names: async () =>
      (await objects.list('', { limit: 1000 }))
        .map(({ name }) => name)
        .filter((name) => name !== lastWriteRecord),
    fields: async (fileId) => (await documents.read([filePath(fileId)], 'test'))[0]?.fields,
    documentIds: async () => {
      const query = { collection: 'files', filters: [], orderBy: [], limit: 1000 };
      return (await documents.query(query, 'test')).documents.map(({ path }) => path.slice('files/'.length));
    },
    close: async () => {
      await server.close();
      // The clients' own apps too: an app that stays would be the next file's.
      for (const app of getApps()) await deleteApp(app);
      await storage.close();
      await firestore.close();
      restore();
    },
  };
}

/** A finalize event's object, as the bucket's API shows it. */
function factsOf(resource: Record<string, unknown>): ObjectFacts {
  return {
    name: String(resource['name']),
    bytes: Number(resource['size']),
    generation: String(resource['generation']),
    contentType: String(resource['contentType']),
    createdMs: Date.parse(String(resource['timeCreated'])),
    md5: Buffer.from(String(resource['md5Hash']), 'base64').toString('hex'),
    labels: (resource['metadata'] ?? {}) as Record<string, string>,
  };
}

function setEnv(values: Record<string, string>): () => void {
  const before = Object.keys(values).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, values);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}

/** Bytes that are the same each time, and hard to mistake for others. */
export function bytesOf(length: number, seed = 1): Buffer<ArrayBuffer> {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let at = 0; at < length; at += 1) {
    state = (state * 1_103_515_245 + 12_345) & 0x7fffffff;
    bytes[at] = state >> 16;
  }
  return bytes;
}
