import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Firestore } from '@google-cloud/firestore';
import { Storage } from '@google-cloud/storage';
import { CloudTasksClient } from '@google-cloud/tasks';
import { credentials } from '@grpc/grpc-js';
import { type LocalStack, startStack } from '../../local/stack.ts';
import { fixtureStack } from './support.ts';

// Off the cloud, the clients would look for a metadata server.
process.env['METADATA_SERVER_DETECTION'] ??= 'none';

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
/** Bytes that a port may hear from a client that is none, that breaks off, or that never ends what it began. */
const noise: Record<string, string> = {
  nothing: '',
  'no protocol': '\u0000\u00ff'.repeat(500),
  'HTTP/1.1 with a body that never comes': 'POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nbegun',
  'half a request line': 'GET /half',
  'a header without end': `GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(100_000)}`,
  'an impossible chunk': 'POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
  'HTTP/2 and then nothing': preface,
  'an HTTP/2 frame of 16 MiB': `${preface}\u00ff\u00ff\u00ff\u0000\u0000\u0000\u0000\u0000\u0001`,
};

describe('The local stack given what is no request', () => {
  let stack: LocalStack;
  let db: Firestore;
  let tasks: CloudTasksClient;
  let storage: Storage;
  const open: Socket[] = [];

  before(async () => {
    stack = await startStack({
      ports: 'free',
      quiet: true,
      ...fixtureStack,
      env: { GREETING: 'good day' },
    });
    const projectId = 'demo-sluice';
    db = new Firestore({ projectId, host: `127.0.0.1:${stack.ports.firestore}`, ssl: false });
    tasks = new CloudTasksClient({
      apiEndpoint: '127.0.0.1',
      port: stack.ports.tasks,
      sslCreds: credentials.createInsecure(),
      projectId,
    });
    const retryOptions = { autoRetry: false };
    const apiEndpoint = `http://127.0.0.1:${stack.ports.storage}`;
    storage = new Storage({ apiEndpoint, projectId, retryOptions });
  });
  after(async () => {
    await Promise.all([db.terminate(), tasks.close()]);
    await stack.close();
  });
  afterEach('every service still works', async () => {
    await db.doc('c/a').set({ alive: true });
    await tasks.getQueue({ name: tasks.queuePath('demo-sluice', 'us-central1', 'work') });
    await storage.bucket('demo-sluice.firebasestorage.app').file('a').save('x', { resumable: false });
    assert.equal((await fetch(`${stack.urls.functions}/echo`)).status, 200);
    assert.equal((await fetch(`${stack.urls.hosting}/__local/usage`)).status, 200);
    for (const socket of open.splice(0)) socket.resetAndDestroy();
  });

  for (const [what, text] of Object.entries(noise)) {
    it(`${what}, on every port`, async () => {
      for (const port of Object.values(stack.ports)) {
        const socket = connect(port, '127.0.0.1');
        socket.on('error', () => {});
        await once(socket, 'connect');
        socket.write(Buffer.from(text, 'latin1'));
        open.push(socket);
      }
    });
  }

  it('control: bodies that are no JSON, too large, or wrong', async () => {
    for (const [body, message] of [
      ['{', /JSON object/],
      ['[]', /JSON object/],
      [`{"ms":${' '.repeat(70_000)}1}`, /too large/],
      ['{"ms":"soon"}', /^ms must be a number/],
    ] as const) {
      const answer = await fetch(`${stack.urls.hosting}/__local/clock/advance`, { method: 'POST', body });
      const { error } = (await answer.json()) as { error: string };
      assert.equal(answer.status, 400);
      assert.match(error, message);
    }
  });

  it('storage: bodies, ranges and names that are none', async () => {
    const origin = `http://127.0.0.1:${stack.ports.storage}`;
    const upload = `${origin}/upload/storage/v1/b/demo-sluice.firebasestorage.app/o`;
    const post = (url: string, body: string, type: string) =>
      fetch(url, { method: 'POST', body, headers: { 'content-type': type } });
    for (const [answer, status] of [
      [post(`${origin}/storage/v1/b?project=demo`, '{', 'application/json'), 400],
      [post(`${upload}?uploadType=multipart`, 'no parts', 'multipart/related; boundary=x'), 400],
      [post(`${upload}?uploadType=multipart`, 'no boundary', 'multipart/related'), 400],
      [post(`${upload}?uploadType=media`, 'no name', 'text/plain'), 400],
      [fetch(`${origin}/storage/v1/b/absent/o/a`), 404],
      [fetch(`${origin}/storage/v1/b/%E0%A4%A/o`), 400],
    ] as const) {
      const { status: actual, url } = await answer;
      assert.equal(actual, status, url);
      assert.ok((await (await answer).text()).includes('message'), url);
    }
  });
});
