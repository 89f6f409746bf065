import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { codeOf, type Harness, parent, queueName, startHarness } from './harness.ts';

describe('Cloud Tasks given what is no request', () => {
  let harness: Harness;
  let raw: Client;

  before(async () => {
    harness = await startHarness();
    raw = new Client(`127.0.0.1:${harness.tasks.port}`, credentials.createInsecure(), {
      'grpc.max_send_message_length': -1,
    });
  });
  after(async () => {
    raw.close();
    await harness.close();
  });
  afterEach('it lives on', async () => {
    const seen = harness.target.deliveries.length;
    await harness.create();
    await harness.target.arrived(seen + 1);
    await harness.drained();
  });

  /** Sends bytes as a request, and answers with the error. */
  const send = (rpc: string, bytes: Uint8Array) => {
    const same = (message: Buffer) => message;
    const method = `/google.cloud.tasks.v2.CloudTasks/${rpc}`;
    return new Promise<ServiceError | null>((resolve) => {
      raw.makeUnaryRequest(method, same, same, Buffer.from(bytes), (error) => resolve(error));
    });
  };

  it('bytes that are no message', async () => {
    const cutOff = await send('CreateTask', Uint8Array.from([10, 200]));
    assert.match(cutOff?.details ?? '', /^The request is no CreateTaskRequest: /);
    for (const rpc of ['CreateTask', 'GetTask', 'ListTasks', 'RunTask', 'PauseQueue', 'UpdateQueue']) {
      for (const bytes of [[10, 200], [15], [10, 255, 255, 255, 255, 15], new Array<number>(20).fill(255)]) {
        const error = await send(rpc, Uint8Array.from(bytes));
        assert.equal(error?.code, status.INVALID_ARGUMENT, `${rpc}: ${bytes}`);
      }
    }
  });

  it('a message without anything', async () => {
    for (const rpc of ['CreateTask', 'GetTask', 'DeleteTask', 'GetQueue', 'CreateQueue', 'UpdateQueue'])
      assert.equal((await send(rpc, new Uint8Array()))?.code, status.INVALID_ARGUMENT, rpc);
  });

  it('names that are none, and those of another project', async () => {
    const { client } = harness;
    assert.equal(await codeOf(client.getTask({ name: queueName })), status.INVALID_ARGUMENT);
    assert.equal(await codeOf(client.getQueue({ name: 'queues/flush' })), status.INVALID_ARGUMENT);
    const elsewhere = queueName.replace('/demo/', '/another/');
    const task = { httpRequest: { url: harness.target.url } };
    assert.equal(await codeOf(client.createTask({ parent: elsewhere, task })), status.NOT_FOUND);
    assert.equal(await codeOf(client.listTasks({ parent: elsewhere })), status.NOT_FOUND);
    assert.deepEqual((await client.listQueues({ parent: parent.replace('/demo/', '/another/') }))[0], []);
  });

  it('an RPC that is not there, or that is not served', async () => {
    assert.equal((await send('Absent', new Uint8Array()))?.code, status.UNIMPLEMENTED);
    assert.equal(await codeOf(harness.client.getIamPolicy({ resource: queueName })), status.UNIMPLEMENTED);
  });

  it('a message larger than the transport takes', async () => {
    const error = await send('CreateTask', new Uint8Array(5 * 1_048_576));
    assert.equal(error?.code, status.RESOURCE_EXHAUSTED);
  });

  it('connections that say nothing, something else, or break off', async () => {
    const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
    const frameOf16MiB = '\u00ff\u00ff\u00ff\u0000\u0000\u0000\u0000\u0000\u0001';
    const said = ['', preface, 'GET / HTTP/1.1\r\n\r\n', preface + frameOf16MiB];
    const sockets = await Promise.all(
      said.map(async (text) => {
        const socket = connect(harness.tasks.port, '127.0.0.1');
        socket.on('error', () => {});
        await once(socket, 'connect');
        socket.write(Buffer.from(text, 'latin1'));
        return socket;
      }),
    );
    await harness.client.getQueue({ name: queueName });
    for (const socket of sockets) socket.resetAndDestroy();
  });
});
