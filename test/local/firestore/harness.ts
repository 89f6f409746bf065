import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type CollectionReference, type DocumentData, Firestore } from '@google-cloud/firestore';
import { v1 } from '@google-cloud/firestore-api';
import { credentials } from '@grpc/grpc-js';
import {
  type FirestoreOptions,
  type LocalFirestore,
  startFirestore,
} from '../../../local/firestore/index.ts';
import { OffsetClock } from '../../../local/shared/clock.ts';
import { Faults } from '../../../local/shared/faults.ts';

// Off the cloud, the clients would look for a metadata server.
process.env['METADATA_SERVER_DETECTION'] ??= 'none';

/** host:port of an official emulator to run the contract against, instead of the local Firestore. */
const officialHost = process.env['SLUICE_CONTRACT_FIRESTORE_HOST'];
export const projectId = 'demo-contract';

export const database = `projects/${projectId}/databases/(default)`;

export const code = {
  invalidArgument: 3,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  unimplemented: 12,
  unavailable: 14,
} as const;

/** Means of every contract test: only what the real service has too. */
interface Connection {
  readonly db: Firestore;
  /** The API below the client library, which does not check or repeat anything. */
  readonly raw: v1.FirestoreClient;
  /** A collection that no other test uses. */
  collection(): CollectionReference<DocumentData>;
}

/** Means of tests of the local Firestore alone: its meter, its clock, its faults. */
interface LocalConnection extends Connection {
  readonly local: LocalFirestore;
  readonly clock: OffsetClock;
  readonly faults: Faults;
}

interface Opened extends Connection {
  close(): Promise<void>;
}

function open(host: string): Opened {
  const [address = '', port = ''] = host.split(':');
  const db = new Firestore({ projectId, host, ssl: false, ignoreUndefinedProperties: true });
  const raw = new v1.FirestoreClient({
    projectId,
    apiEndpoint: address,
    port: Number(port),
    sslCreds: credentials.createInsecure(),
  });
  return {
    db,
    raw,
    collection: () => db.collection(`c${randomUUID().slice(0, 8)}`),
    async close() {
      await raw.close();
      await db.terminate();
    },
  };
}

/** Connects before the tests of the enclosing block and closes after them. */
export function useFirestore(): () => Connection {
  if (officialHost === undefined) return useLocalFirestore();
  let opened: Opened | undefined;
  before(() => {
    opened = open(officialHost);
  });
  after(() => opened?.close());
  return () => started(opened);
}

/** {@link useFirestore} with the local Firestore's own controls. Only inside {@link describeLocal}. */
export function useLocalFirestore(
  options: Pick<FirestoreOptions, 'indexes' | 'projectId'> = {},
): () => LocalConnection {
  let connection: (LocalConnection & Opened) | undefined;
  before(async () => {
    const clock = new OffsetClock();
    const faults = new Faults(clock);
    const local = await startFirestore({ ...options, port: 0, clock, faults });
    connection = { ...open(`127.0.0.1:${local.port}`), local, clock, faults };
  });
  after(async () => {
    await connection?.close();
    await connection?.local.close();
  });
  return () => started(connection);
}

function started<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('Used before it was started.');
  return value;
}

/** Tests that make no sense against an official emulator. */
export function describeLocal(title: string, body: () => void): void {
  if (officialHost === undefined) describe(title, body);
}

/** The gRPC code that a call fails with; undefined when it succeeds. */
export async function codeOf(call: Promise<unknown>): Promise<number | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    return Number((error as { code?: unknown }).code);
  }
}

/** Resolves when the condition holds; the test's own timeout ends it otherwise. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await nextTurn();
}

/** Random numbers from 0 to 1 that are the same in every run. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}
