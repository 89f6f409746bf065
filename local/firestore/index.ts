import type { FirestoreUsage, LocalService, ServiceOptions } from '../shared/service.ts';
import type { WireDocument } from './codec.ts';
import { Database } from './database.ts';
import type { IndexConfig } from './indexconfig.ts';
import { ListenStream } from './listen.ts';
import { listCollectionIds, listDocuments } from './listings.ts';
import { Meter } from './meter.ts';
import { checkDatabase, databaseOf } from './names.ts';
import { partitionQuery } from './partitions.ts';
import { aggregationQuery, batchGet, query, wireDocument } from './reads.ts';
import { RpcServer } from './server.ts';
import { readSnapshot, writeSnapshot } from './snapshot.ts';
import type {
  BatchGetDocumentsRequest,
  BatchWriteRequest,
  BeginTransactionRequest,
  CommitRequest,
  ListCollectionIdsRequest,
  ListDocumentsRequest,
  ListenRequest,
  ListenResponse,
  PartitionQueryRequest,
  RollbackRequest,
  RunAggregationQueryRequest,
  RunQueryRequest,
} from './wire.ts';

export { type IndexConfig, indexesOf } from './indexconfig.ts';

export interface LocalFirestore extends LocalService<FirestoreUsage> {
  /** Documents and index entries that queries have looked at: shows whether they scan. */
  entriesExamined(): number;
  /** Writes all documents as they are at this moment to a file in the directory, whatever is written meanwhile. */
  exportState(directory: string): Promise<void>;
  /**
   * Takes over what {@link exportState} wrote, if the directory holds that. Only before the first call.
   * @throws SnapshotError when it cannot be read.
   */
  importState(directory: string): Promise<void>;
}

export interface FirestoreOptions extends ServiceOptions {
  /** Only this project's default database exists; without it, every database that is asked for does. */
  projectId?: string;
  /** Indexes that serve queries and limit documents' index entries, and TTL policies; see {@link indexesOf}. */
  indexes?: IndexConfig | undefined;
}

/** Starts a Firestore on 127.0.0.1 that the official client talks to. Everything is in memory. */
export async function startFirestore(options: FirestoreOptions): Promise<LocalFirestore> {
  const meter = new Meter();
  const examined = { count: 0 };
  const databases = new Map<string, Database>();
  const databaseFor = (resource: string): Database => {
    const name = databaseOf(resource);
    let database = databases.get(name);
    if (database === undefined) {
      if (options.projectId !== undefined) checkDatabase(name, options.projectId);
      database = new Database(name, { clock: options.clock, meter, examined, indexes: options.indexes });
      databases.set(name, database);
    }
    return database;
  };

  const server = new RpcServer(options.faults);
  serve(server, databaseFor);
  const port = await server.listen(options.port);
  const all = () => [...databases.values()];
  return {
    port,
    inFlight: () =>
      server.calls - all().reduce((waiting, { transactions }) => waiting + transactions.waiting, 0),
    usage: () => meter.usage(),
    resetUsage: () => meter.reset(),
    entriesExamined: () => examined.count,
    exportState: (directory) => writeSnapshot(directory, all().flatMap(documentsOf)),
    async importState(directory) {
      for await (const document of readSnapshot(directory)) databaseFor(document.name).load(document);
    },
    async close() {
      const closed = server.close();
      for (const database of all()) database.close();
      await closed;
    },
  };
}

function documentsOf({ store }: Database): WireDocument[] {
  return [...store.documents()].map(({ entry, version }) => wireDocument(entry.name, version, undefined));
}

function serve(server: RpcServer, databaseFor: (resource: string) => Database): void {
  server.unary('Commit', ({ database, writes, transaction }: CommitRequest, signal) =>
    databaseFor(database).commit(writes, transaction, signal),
  );
  server.unary('BatchWrite', ({ database, writes }: BatchWriteRequest, signal) =>
    databaseFor(database).batchWrite(writes, signal),
  );
  server.unary('BeginTransaction', ({ database, options }: BeginTransactionRequest) => ({
    transaction: databaseFor(database).transactions.begin(options).id,
  }));
  server.unary(
    'Rollback',
    ({ database, transaction }: RollbackRequest) => {
      const { transactions } = databaseFor(database);
      transactions.end(transactions.get(transaction));
      return {};
    },
    'google.protobuf.Empty',
  );
  server.unary('ListCollectionIds', (request: ListCollectionIdsRequest) =>
    listCollectionIds(databaseFor(request.parent), request),
  );
  server.unary('ListDocuments', (request: ListDocumentsRequest) =>
    listDocuments(databaseFor(request.parent), request),
  );
  server.unary('PartitionQuery', (request: PartitionQueryRequest, signal) =>
    partitionQuery(databaseFor(request.parent), request, signal),
  );
  server.stream('BatchGetDocuments', (request: BatchGetDocumentsRequest, signal) =>
    batchGet(databaseFor(request.database), request, signal),
  );
  server.stream('RunQuery', (request: RunQueryRequest, signal) =>
    query(databaseFor(request.parent), request, signal),
  );
  server.stream('RunAggregationQuery', (request: RunAggregationQueryRequest, signal) =>
    aggregationQuery(databaseFor(request.parent), request, signal),
  );
  server.duplex<ListenRequest, ListenResponse>('Listen', (send) => new ListenStream(databaseFor, send));
}
