import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { type App, deleteApp, getApps, initializeApp } from 'firebase-admin/app';
import {
  type DocumentData,
  type DocumentReference,
  FieldPath,
  type Firestore,
  getFirestore,
  type Precondition,
  type Query,
  type Timestamp,
} from 'firebase-admin/firestore';
import {
  DocumentError,
  type DocumentFailure,
  type DocumentStore,
  type DocumentWrite,
  type Filter,
  maxCounted,
} from './documents.ts';
import { messageOf } from './errors.ts';
import {
  encodeCursor,
  formed,
  nested,
  readDocument,
  refused,
  startAfter,
  stored,
} from './firestoreValues.ts';
import { type CallBound, Remote } from './remote.ts';

/**
 * The service's verdict on a write, by its gRPC status (https://grpc.io/docs/guides/status-codes). Whatever else comes
 * out of the client or the network says nothing of the write: it is an outage.
 */
const writeFailures: Readonly<Record<number, DocumentFailure>> = {
  3: 'invalid',
  5: 'conflict',
  6: 'conflict',
  8: 'exhausted',
  9: 'conflict',
  10: 'conflict',
};

/** A read has no precondition that could fail. */
const readFailures: typeof writeFailures = { 3: 'invalid', 8: 'exhausted' };

/**
 * Firestore through the Admin SDK, with the process's default credentials or FIRESTORE_EMULATOR_HOST. Nothing is
 * repeated but commits that are aborted: every other attempt is the caller's.
 */
export function firestoreDocuments(bound: CallBound, client = firestoreClient()): DocumentStore {
  const call = async <Result>(
    failures: typeof writeFailures,
    work: (firestore: Firestore) => Promise<Result>,
  ): Promise<Result> => {
    try {
      return await client.call(bound, async (app) => work(getFirestore(app)));
    } catch (cause) {
      if (cause instanceof DocumentError) throw cause;
      const failure = failures[codeOf(cause) ?? 0] ?? 'unavailable';
      if (failure === 'invalid') throw refused(cause);
      throw new DocumentError(failure, messageOf(cause), { cause });
    }
  };
  return {
    async read(paths) {
      if (paths.length === 0) return [];
      const found = await call(readFailures, (firestore) =>
        firestore.getAll(...formed(() => paths.map((path) => firestore.doc(path)))),
      );
      return formed(() => found.map(readDocument));
    },

    async commit(writes) {
      const results = await call(writeFailures, (firestore) => {
        const batch = firestore.batch();
        formed(() => addAll(firestore, batch, writes));
        return batch.commit();
      });
      return results.map((result) => result.writeTime);
    },

    async commitIfAbsent(writes, absent) {
      await call(writeFailures, (firestore) => {
        const references = formed(() => absent.map((path) => firestore.doc(path)));
        return firestore.runTransaction(
          async (transaction) => {
            const found = await transaction.getAll(...references);
            const present = found.filter(({ exists }) => exists).map(({ ref }) => ref.path);
            if (present.length > 0)
              throw new DocumentError('conflict', `There is a ${present[0]}.`, { present });
            formed(() => addAll(firestore, transaction, writes));
          },
          { maxAttempts: 1 },
        );
      });
    },

    async query({ collection, filters, orderBy, limit, after }) {
      const found = await call(readFailures, (firestore) => {
        let query = formed(() => filtered(firestore, collection, filters).limit(limit));
        for (const { field, descending } of orderBy)
          query = query.orderBy(field, descending ? 'desc' : 'asc');
        const byName = orderBy.at(-1)?.descending ? 'desc' : 'asc';
        query = query.orderBy(FieldPath.documentId(), byName);
        if (after !== undefined) query = startAfter(query, after, orderBy.length + 1);
        return query.get();
      });
      const last = found.docs.at(-1);
      return {
        documents: formed(() => found.docs.map(readDocument)),
        cursor: last && encodeCursor([...orderBy.map(({ field }) => last.get(field) as unknown), last.id]),
        readTimeMs: found.readTime.toMillis(),
        billedReads: Math.max(1, found.size),
      };
    },

    async count({ collection, filters }) {
      const counted = await call(readFailures, (firestore) =>
        formed(() => filtered(firestore, collection, filters).limit(maxCounted).count()).get(),
      );
      return Number(counted.data().count);
    },
  };
}

/** The client behind {@link firestoreDocuments}; several of them may share one. */
export function firestoreClient(): Remote<App> {
  const open = async (): Promise<App> => {
    configureCalls();
    // An app has one client of Firestore, so that another one needs another app.
    const app = initializeApp(getApps()[0]?.options, `firestore-${randomUUID()}`);
    // Integers come exact.
    getFirestore(app).settings({ useBigInt: true });
    return app;
  };
  return new Remote('Firestore', open, {
    close: deleteApp,
    // Without the service's word something inside failed, such as getting credentials, and that is kept for ever.
    breaksClient: (error) => !(error instanceof DocumentError) && codeOf(error) === undefined,
  });
}

/** A call that hangs is cancelled after this, when nobody waits for it any more. */
const longestCallMs = 30_000;

/**
 * The client repeats for up to a minute what fails with RESOURCE_EXHAUSTED or UNAVAILABLE: attempts that no lease
 * covers, while nobody learns that the quota is used up; and it lets reads hang for five minutes. It has no setting for
 * that but the table that it reads codes and limits from (its source, util.ts, `getServiceConfig`), so the table is
 * changed before it is first used.
 */
function configureCalls(): void {
  const client = createRequire(import.meta.url).resolve('@google-cloud/firestore');
  const table = createRequire(client)(
    '@google-cloud/firestore-api/build/src/v1/firestore_client_config.json',
  ) as { interfaces: Record<string, CallTable> };
  for (const { retry_codes, methods } of Object.values(table.interfaces)) {
    for (const codes of Object.values(retry_codes)) codes.length = 0;
    for (const method of Object.values(methods)) method.timeout_millis = longestCallMs;
  }
}

interface CallTable {
  retry_codes: Record<string, string[]>;
  methods: Record<string, { timeout_millis: number }>;
}

/** Methods that a batch and a transaction have in common. */
interface WriteSink {
  create(reference: DocumentReference, data: DocumentData): unknown;
  set(reference: DocumentReference, data: DocumentData): unknown;
  update(reference: DocumentReference, field: FieldPath, value: unknown, ...more: unknown[]): unknown;
  delete(reference: DocumentReference, precondition?: Precondition): unknown;
}

/** The gRPC status, if there is one. */
function codeOf(error: unknown): number | undefined {
  const { code } = Object(error) as { code?: unknown };
  return typeof code === 'number' ? code : undefined;
}

function addAll(firestore: Firestore, batch: WriteSink, writes: readonly DocumentWrite[]): void {
  for (const { path, ifVersion, changes } of writes) {
    const reference = firestore.doc(path);
    const precondition = { lastUpdateTime: ifVersion as Timestamp };
    if (changes === 'deleted') batch.delete(reference, ifVersion === 'any' ? {} : precondition);
    else if (ifVersion === 'any') batch.set(reference, nested(changes));
    else if (ifVersion === 'absent') batch.create(reference, nested(changes));
    else {
      const [first, ...rest] = changes.map(
        ({ path: names, value }) => [new FieldPath(...names), stored(value)] as const,
      );
      if (first === undefined) throw new Error(`A write of ${path} changes nothing.`);
      batch.update(reference, ...first, ...rest.flat(), precondition);
    }
  }
}

function filtered(firestore: Firestore, collection: string, filters: readonly Filter[]): Query {
  let query: Query = firestore.collection(collection);
  for (const { field, op, value } of filters) query = query.where(field, op, value);
  return query;
}
