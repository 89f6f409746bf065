import assert from 'node:assert/strict';
import { once } from 'node:events';
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

/** What a request that is wrong, and the client's own fault, may be answered with. */
const refusals = new Set([
  0,
  code.invalidArgument,
  code.notFound,
  code.alreadyExists,
  code.failedPrecondition,
]);

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

  it('a request with a few bytes changed is served or refused, and never a failure of ours', async () => {
    const name = `${database}/documents/c/a`;
    const request = protobuf.Writer.create().uint32(10).string(database);
    const document = protobuf.Writer.create().uint32(10).string(name);
    for (const [field, tag] of ['b', 'n', 'd', 'r', 't', 's', 'y', 'g'].map(
      (field, i) => [field, i] as const,
    )) {
      const values = [
        (writer: protobuf.Writer) => writer.uint32(8).bool(true),
        (writer: protobuf.Writer) => writer.uint32(16).int64(7),
        (writer: protobuf.Writer) => writer.uint32(25).double(0.5),
        (writer: protobuf.Writer) => writer.uint32(42).string(name),
        (writer: protobuf.Writer) => writer.uint32(82).fork().uint32(8).int64(7).ldelim(),
        (writer: protobuf.Writer) => writer.uint32(138).string('text'),
        (writer: protobuf.Writer) => writer.uint32(146).bytes(Buffer.from([1, 2])),
        (writer: protobuf.Writer) => writer.uint32(66).fork().uint32(9).double(1).ldelim(),
      ];
      const entry = document.uint32(18).fork().uint32(10).string(field).uint32(18).fork();
      values[tag]?.(entry);
      entry.ldelim().ldelim();
    }
    request.uint32(18).fork().uint32(10).bytes(document.finish()).ldelim();
    const whole = request.finish();
    assert.equal(await send('Commit', whole), 0);
    const change = fc.record({ at: fc.nat(whole.length - 1), byte: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const bytes = Uint8Array.from(whole);
        for (const { at, byte } of changes) bytes[at] = byte;
        const answer = await send('Commit', bytes);
        assert.ok(refusals.has(answer) || answer === code.permissionDenied, `answered with ${answer}`);
      }),
      { numRuns: 300, seed: 11 },
    );
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
