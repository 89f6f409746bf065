import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { connect, type Socket } from 'node:net';
import { Firestore } from '@google-cloud/firestore';
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { startFirestore } from '../../../local/firestore/index.ts';
import { OffsetClock } from '../../../local/shared/clock.ts';
import { Faults } from '../../../local/shared/faults.ts';
import { PortInUse } from '../../../local/shared/http.ts';
import { code, codeOf, database, describeLocal, projectId, useLocalFirestore } from './harness.ts';

const rpcs = [
  'Commit',
  'BatchWrite',
  'BeginTransaction',
  'Rollback',
  'ListCollectionIds',
  'ListDocuments',
  'PartitionQuery',
  'BatchGetDocuments',
  'RunQuery',
  'RunAggregationQuery',
];

/** Codes with which a request that is wrong, and the client's own fault, may be answered. */
const refusals = new Set<number>([
  0,
  code.invalidArgument,
  code.notFound,
  code.alreadyExists,
  code.permissionDenied,
  code.failedPrecondition,
  code.unimplemented,
]);
const root = protobuf.Root.fromJSON(
  createRequire(import.meta.url)('@google-cloud/firestore-api/build/protos/protos.json'),
);

describeLocal('Firestore given what is no request', () => {
  const connection = useLocalFirestore({ projectId });
  let client: Client;

  before(() => {
    client = new Client(`127.0.0.1:${connection().local.port}`, credentials.createInsecure(), {
      'grpc.max_send_message_length': -1,
    });
  });
  after(() => client.close());
  afterEach('it lives on', async () => {
    const ref = connection().collection().doc('a');
    await ref.set({ alive: true });
    assert.ok((await ref.get()).exists);
  });

  /** Sends bytes as a request, and answers with the status. */
  function send(rpc: string, bytes: Uint8Array): Promise<number> {
    const method = `/google.firestore.v1.Firestore/${rpc}`;
    const same = (message: Buffer) => message;
    return new Promise((resolve) => {
      const call = client.makeServerStreamRequest(method, same, same, Buffer.from(bytes));
      call.on('data', () => {});
      call.on('error', (error: ServiceError) => resolve(error.code));
      call.on('end', () => resolve(0));
    });
  }

  it('bytes that are no message', async () => {
    const broken: Record<string, number[]> = {
      'cut off': [10, 200],
      'no such wire type': [15],
      'a length past the end': [10, 255, 255, 255, 255, 15],
      'an endless number': Array.from({ length: 20 }, () => 255),
      'open groups': [11, 11, 11],
    };
    for (const rpc of rpcs) {
      for (const [what, bytes] of Object.entries(broken)) {
        assert.equal(await send(rpc, Uint8Array.from(bytes)), code.invalidArgument, `${rpc}: ${what}`);
      }
    }
  });

  it('a message without anything', async () => {
    for (const rpc of rpcs) assert.equal(await send(rpc, new Uint8Array()), code.invalidArgument, rpc);
  });

  it('a value nested without end', async () => {
    let value = protobuf.Writer.create().uint32(8).bool(true).finish();
    for (let depth = 0; depth < 5_000; depth++) {
      const list = protobuf.Writer.create().uint32(10).bytes(value).finish();
      value = protobuf.Writer.create().uint32(74).bytes(list).finish();
    }
    const field = protobuf.Writer.create().uint32(10).string('f').uint32(18).bytes(value).finish();
    const name = `${database}/documents/c/a`;
    const document = protobuf.Writer.create().uint32(10).string(name).uint32(18).bytes(field).finish();
    const write = protobuf.Writer.create().uint32(10).bytes(document).finish();
    const commit = protobuf.Writer.create().uint32(10).string(database).uint32(18).bytes(write).finish();
    assert.equal(await send('Commit', commit), code.invalidArgument);
  });

  describe('a request with a few bytes changed is served or refused, and never a failure of ours', () => {
    const name = `${database}/documents/c/a`;
    const field = { fieldPath: 'n' };
    const query = {
      from: [{ collectionId: 'c' }],
      where: {
        compositeFilter: {
          op: 1,
          filters: [
            { fieldFilter: { field, op: 3, value: { integerValue: 7 } } },
            { fieldFilter: { field, op: 8, value: { arrayValue: { values: [{ integerValue: 8 }] } } } },
            { unaryFilter: { field, op: 5 } },
          ],
        },
      },
      orderBy: [{ field, direction: 2 }],
      startAt: { values: [{ doubleValue: 9.5 }], before: true },
      offset: 1,
      limit: { value: 5 },
    };
    const fields = {
      b: { booleanValue: true },
      n: { integerValue: 7 },
      d: { doubleValue: 0.5 },
      r: { referenceValue: name },
      t: { timestampValue: { seconds: 7, nanos: 1000 } },
      s: { stringValue: 'text' },
      y: { bytesValue: Buffer.from([1, 2]) },
      g: { geoPointValue: { latitude: 1, longitude: 2 } },
      l: { arrayValue: { values: [{ nullValue: 0 }, { mapValue: { fields: {} } }] } },
    };
    const write = {
      update: { name, fields },
      updateMask: { fieldPaths: ['b', 'n'] },
      updateTransforms: [
        { fieldPath: 'd', increment: { integerValue: 1 } },
        { fieldPath: 'l', appendMissingElements: { values: [{ stringValue: 'x' }] } },
        { fieldPath: 'now', setToServerValue: 1 },
      ],
      currentDocument: { exists: true },
    };
    const parent = `${database}/documents`;
    const requests: Record<string, object> = {
      Commit: { database, writes: [write, { delete: `${name}2` }] },
      BatchWrite: { database, writes: [write, { delete: `${name}2` }] },
      BatchGetDocuments: {
        database,
        documents: [name],
        mask: { fieldPaths: ['n'] },
        newTransaction: { readOnly: {} },
      },
      RunQuery: { parent, structuredQuery: query },
      RunAggregationQuery: {
        parent,
        structuredAggregationQuery: {
          structuredQuery: query,
          aggregations: [
            { alias: 'c', count: { upTo: { value: 9 } } },
            { alias: 's', sum: { field } },
          ],
        },
      },
      ListDocuments: { parent, collectionId: 'c', pageSize: 5, mask: { fieldPaths: ['n'] } },
      BeginTransaction: { database, options: { readWrite: { retryTransaction: Buffer.from('1.1') } } },
    };
    for (const [rpc, request] of Object.entries(requests)) {
      it(rpc, async () => {
        await connection().db.doc('c/a').set({ n: 8 });
        const whole = root.lookupType(`google.firestore.v1.${rpc}Request`).encode(request).finish();
        assert.equal(await send(rpc, whole), 0);
        const change = fc.record({ at: fc.nat(whole.length - 1), byte: fc.nat(255) });
        await fc.assert(
          fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
            const bytes = Uint8Array.from(whole);
            for (const { at, byte } of changes) bytes[at] = byte;
            const answer = await send(rpc, bytes);
            assert.ok(refusals.has(answer), `answered with ${answer}`);
            // A change may begin a transaction, whose locks would keep the next ones waiting.
            const { clock } = connection();
            clock.setOffsetMs(clock.offsetMs() + 61_000);
          }),
          { numRuns: 200, seed: 11 },
        );
      });
    }
  });

  it('an RPC that is not there', async () => {
    assert.equal(await send('ExecutePipeline', new Uint8Array()), code.unimplemented);
  });

  it('a message larger than the transport takes', async () => {
    assert.equal(await send('Commit', new Uint8Array(65 * 1_048_576)), code.resourceExhausted);
  });

  it('names that lie in no database', async () => {
    const { raw } = connection();
    for (const bad of ['', 'documents', 'projects/p', 'projects//databases/d']) {
      assert.equal(await codeOf(raw.commit({ database: bad, writes: [] })), code.invalidArgument, bad);
    }
    const elsewhere = { update: { name: 'projects/other/databases/(default)/documents/c/a', fields: {} } };
    assert.equal(await codeOf(raw.commit({ database, writes: [elsewhere] })), code.invalidArgument);
  });

  it('another project, and a database that was never made', async () => {
    const host = `127.0.0.1:${connection().local.port}`;
    const codeFor = async (settings: FirebaseFirestore.Settings) => {
      const db = new Firestore({ host, ssl: false, ...settings });
      try {
        return await codeOf(db.doc('c/a').set({}));
      } finally {
        await db.terminate();
      }
    };
    assert.equal(await codeFor({ projectId: 'another' }), code.permissionDenied);
    assert.equal(await codeFor({ projectId, databaseId: 'another' }), code.notFound);
    assert.equal(await codeFor({ projectId }), undefined);
  });

  it('connections that say nothing, or something else', async () => {
    const open = async (bytes: string): Promise<Socket> => {
      const socket = connect(connection().local.port, '127.0.0.1');
      socket.on('error', () => {});
      await once(socket, 'connect');
      socket.write(bytes);
      return socket;
    };
    const sockets = await Promise.all([
      open(''),
      open('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      open('GET / HTTP/1.1\r\n\r\n'),
      open(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${'\u0000\u00ff'.repeat(500)}`),
    ]);
    await connection().collection().doc('a').set({});
    for (const socket of sockets) socket.destroy();
  });
});

describeLocal('Firestore that starts and ends', () => {
  const options = () => {
    const clock = new OffsetClock();
    return { clock, faults: new Faults(clock) };
  };

  it('says that its port is in use', async () => {
    const first = await startFirestore({ ...options(), port: 0 });
    try {
      await assert.rejects(startFirestore({ ...options(), port: first.port }), (error: Error) => {
        assert.ok(error instanceof PortInUse);
        assert.match(error.message, new RegExp(`${first.port}.*Firestore`));
        return true;
      });
    } finally {
      await first.close();
    }
  });

  it('frees its port at the end, although a client is connected and never speaks', async () => {
    const local = await startFirestore({ ...options(), port: 0 });
    const socket = connect(local.port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    await local.close();
    const next = await startFirestore({ ...options(), port: local.port });
    await next.close();
    socket.destroy();
  });
});
