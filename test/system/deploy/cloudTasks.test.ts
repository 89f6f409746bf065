import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import { CloudTasksClient, type protos } from '@google-cloud/tasks';
import { credentials } from '@grpc/grpc-js';
import { type LocalMetadata, startMetadata } from '../../../local/metadata/index.ts';
import { OffsetClock } from '../../../local/shared/clock.ts';
import { Faults } from '../../../local/shared/faults.ts';
import { type LocalTasks, startTasks } from '../../../local/tasks/index.ts';
import { build, functionsDir } from '../../support/build.ts';
import { selfSigned } from '../../support/certificate.ts';
import { aKey, deployedEnv, projectId } from './child.ts';

// Off the cloud, the client of this process would look for a metadata server.
process.env['METADATA_SERVER_DETECTION'] ??= 'none';

const host = 'cloudtasks.googleapis.com';
const machineAccount = 'machine@demo.iam.gserviceaccount.com';
const queue = `projects/${projectId}/locations/us-central1/queues/sluice-flush`;
const tokenPath = 'instance/service-accounts/default/token';
/** The token that the metadata server gives. */
const token = 'local';
/** Callers give up then. */
const answeredWithinMs = 10_000;

/**
 * The way out of a process, which an HTTP proxy makes ours: Cloud Tasks' host is the simulator, behind TLS; no other
 * host is reached. `asked` are the hosts that somebody wanted.
 */
class WayOut {
  readonly asked: string[] = [];
  readonly #sockets = new Set<{ destroy(): unknown }>();
  readonly #tls: TlsServer;
  readonly #proxy: Server;

  constructor(tasksPort: number, certificate: { key: string; cert: string }) {
    this.#tls = createTlsServer({ ...certificate, ALPNProtocols: ['h2'] }, (socket) => {
      const inner = connect(tasksPort, '127.0.0.1');
      for (const each of [inner, socket]) this.#keep(each);
      socket.pipe(inner).pipe(socket);
    });
    this.#tls.on('tlsClientError', () => {});
    this.#proxy = createServer((_, response) => response.writeHead(502).end());
    this.#proxy.on('connect', ({ url = '' }, socket: Socket) => {
      this.asked.push(url);
      this.#keep(socket);
      if (url !== `${host}:443`) socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
      else socket.write('HTTP/1.1 200 OK\r\n\r\n', () => this.#tls.emit('connection', socket));
    });
  }

  async listen(): Promise<string> {
    this.#proxy.listen(0, '127.0.0.1');
    await once(this.#proxy, 'listening');
    return `http://127.0.0.1:${(this.#proxy.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#proxy.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #keep(socket: Socket): void {
    socket.on('error', () => {});
    this.#sockets.add(socket);
  }
}

describe('the built ingest on a machine of the cloud: metadata server, TLS, account', () => {
  let directory: string;
  let tasks: LocalTasks;
  let metadata: LocalMetadata;
  let wayOut: WayOut;
  let cloud: Record<string, string>;
  let admin: CloudTasksClient;
  const clock = new OffsetClock();
  const faults = new Faults(clock);
  const children: ChildProcess[] = [];

  before(async function () {
    this.timeout(30_000);
    build();
    directory = await mkdtemp(join(tmpdir(), 'cloud-tasks-'));
    const certificate = selfSigned(host);
    await writeFile(join(directory, 'ca.pem'), certificate.cert);
    tasks = await startTasks({ port: 0, clock, faults, queues: [{ name: queue }], token });
    tasks.stopDispatching();
    wayOut = new WayOut(tasks.port, certificate);
    metadata = await startMetadata({ port: 0, faults, projectId, serviceAccount: machineAccount });
    const proxy = await wayOut.listen();
    cloud = {
      GCE_METADATA_HOST: metadata.host,
      METADATA_SERVER_DETECTION: 'assume-present',
      K_SERVICE: 'ingest',
      https_proxy: proxy,
      HTTPS_PROXY: proxy,
      NO_PROXY: '127.0.0.1',
      GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: join(directory, 'ca.pem'),
    };
    const sslCreds = credentials.createInsecure();
    admin = new CloudTasksClient({ apiEndpoint: '127.0.0.1', port: tasks.port, sslCreds });
  });

  afterEach(async () => {
    faults.clear();
    for (const child of children.splice(0)) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    tasks.purge();
    wayOut.asked.length = 0;
  });

  after(async () => {
    await admin.close();
    wayOut.close();
    await metadata.close();
    await tasks.close();
    await rm(directory, { recursive: true });
  });

  async function start(more: Record<string, string> = {}): Promise<(id: string) => Promise<number>> {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'serving.ts'), functionsDir, 'ingest'], {
      env: await deployedEnv({ ...cloud, ...more }),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    children.push(child);
    const [port] = (await once(createInterface(child.stdout), 'line')) as [string];
    return async (id) => {
      const answer = await fetch(`http://127.0.0.1:${port}/v1/responses`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'X-API-Key': aKey },
        body: JSON.stringify({ task_id: id, miner_uid: 0, response_data: { text: 'hello' } }),
        signal: AbortSignal.timeout(answeredWithinMs),
      });
      await answer.text();
      return answer.status;
    };
  }

  async function queued(): Promise<protos.google.cloud.tasks.v2.ITask[]> {
    const [found] = await admin.listTasks(
      { parent: queue, responseView: 'FULL' },
      { otherArgs: { headers: { authorization: `Bearer ${token}` } } },
    );
    return found;
  }

  it('acknowledges what Cloud Tasks took, to be called as the machine’s account', async () => {
    const before = metadata.asked.get(tokenPath) ?? 0;
    const send = await start();
    assert.deepEqual([await send('t1'), await send('t2')], [202, 202]);
    const url = `https://us-central1-${projectId}.cloudfunctions.net/sluice-flush`;
    assert.deepEqual(
      (await queued()).map(({ httpRequest }) => [httpRequest?.url, httpRequest?.oidcToken]),
      Array.from({ length: 2 }, () => [url, { serviceAccountEmail: machineAccount, audience: url }]),
    );
    assert.equal((metadata.asked.get(tokenPath) ?? 0) - before, 1);
    assert.deepEqual([...new Set(wayOut.asked)], [`${host}:443`]);
  });

  it('names the account that is configured, and asks for no other', async () => {
    const account = 'invoker@demo.iam.gserviceaccount.com';
    const send = await start({ TASKS_SERVICE_ACCOUNT: account });
    assert.equal(await send('t1'), 202);
    assert.deepEqual(
      (await queued()).map(({ httpRequest }) => httpRequest?.oidcToken?.serviceAccountEmail),
      [account],
    );
  });

  it('says 503 while the metadata server gives no token, and takes what comes afterwards', async () => {
    const send = await start();
    faults.add({ service: 'metadata', rate: 1, forMs: 3_600_000, phase: 'before', code: 404 });
    assert.deepEqual(await Promise.all(['t1', 't2', 't3'].map(send)), [503, 503, 503]);
    faults.clear();
    assert.equal(await send('t4'), 202);
    assert.equal((await queued()).length, 1);
  }).timeout(30_000);

  for (const phase of ['before', 'half'] as const) {
    const when = phase === 'half' ? 'in the middle of its answers' : 'without an answer';
    it(`says 503 in time while the metadata server hangs ${when}, and the same process takes again afterwards`, async () => {
      const send = await start();
      faults.add({ service: 'metadata', rate: 1, forMs: 3_600_000, phase, hang: true });
      assert.deepEqual(await Promise.all(['t1', 't2', 't3'].map(send)), [503, 503, 503]);
      faults.clear();
      // Cloud Tasks is left alone for a moment after it failed repeatedly.
      while ((await send('t4')) !== 202);
      assert.ok((await queued()).length > 0);
    }).timeout(40_000);
  }

  it('gives nothing to a host that only claims to be Cloud Tasks', async () => {
    const other = join(directory, 'other.pem');
    await writeFile(other, selfSigned(host).cert);
    const send = await start({ GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: other });
    assert.equal(await send('t1'), 503);
    assert.deepEqual(await queued(), []);
  }).timeout(30_000);
});
