import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Firestore } from '@google-cloud/firestore';
import { Storage } from '@google-cloud/storage';
import { CloudTasksClient } from '@google-cloud/tasks';
import { credentials } from '@grpc/grpc-js';
import { SnapshotError } from '../../local/shared/snapshot.ts';
import { type LocalStack, startStack } from '../../local/stack.ts';
import { build } from '../support/build.ts';
import { fixtureStack } from './support.ts';

// Read by the clients when they first look for credentials, which here are nowhere.
process.env['METADATA_SERVER_DETECTION'] ??= 'none';

const bucketName = 'demo-sluice.firebasestorage.app';

const bucketOf = (stack: LocalStack) =>
  new Storage({
    projectId: 'demo-sluice',
    apiEndpoint: stack.clientEnv['STORAGE_EMULATOR_HOST'] ?? '',
  }).bucket(bucketName);

async function withDatabase<T>(stack: LocalStack, use: (db: Firestore) => Promise<T>): Promise<T> {
  const host = `127.0.0.1:${stack.ports.firestore}`;
  const db = new Firestore({ projectId: 'demo-sluice', host, ssl: false });
  try {
    return await use(db);
  } finally {
    await db.terminate();
  }
}

async function withTasks<T>(stack: LocalStack, use: (client: CloudTasksClient) => Promise<T>): Promise<T> {
  const client = new CloudTasksClient({
    servicePath: '127.0.0.1',
    port: stack.ports.tasks,
    sslCreds: credentials.createInsecure(),
    projectId: 'demo-sluice',
  });
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

describe('a stack with a data directory', () => {
  let dir: string;
  let stack: LocalStack | undefined;
  let logged: string[] = [];
  before(build);
  beforeEach(() => {
    logged = [];
    dir = join(mkdtempSync(join(tmpdir(), 'stack-data-')), 'made');
  });
  afterEach(async () => {
    await stack?.close();
    stack = undefined;
    rmSync(join(dir, '..'), { recursive: true });
  });

  const start = async (more: object = {}): Promise<LocalStack> => {
    stack = await startStack({
      ports: 'free',
      data: dir,
      log: (source, { message }) => logged.push(`${source}: ${message}`),
      ...more,
    });
    return stack;
  };
  const close = async (): Promise<void> => {
    await stack?.close();
    stack = undefined;
  };
  const startSmall = () => start(fixtureStack);
  const newest = (): string => {
    const [name, ...others] = readdirSync(dir);
    assert.deepEqual(others, []);
    return join(dir, name ?? '');
  };

  const call = (path: string, role: string, body?: object) =>
    fetch(`${stack?.urls.hosting}${path}`, {
      headers: { 'x-api-key': stack?.keys[role] ?? '', 'content-type': 'application/json' },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    });
  /** The task, once it is to be read; an instance that has just started may first answer 503. */
  const seesTask = async (id: string): Promise<boolean> => {
    const { status } = await call(`/v1/tasks/${id}`, 'read');
    assert.ok([200, 404, 503].includes(status), String(status));
    return status === 200;
  };

  it('has after another start what it had: documents, objects, and what was queued is flushed', async () => {
    const first = await start();
    assert.equal((await post('kept')).status, 202);
    // A new task is shown after half a minute.
    await first.advance(35_000);
    while (!(await seesTask('kept'))) await first.advance(5000);
    first.killDispatcher();
    assert.equal((await post('queued')).status, 202);
    const options = { metadata: { customTime: '2031-02-03T04:05:06.000Z', metadata: { kind: 'try' } } };
    await bucketOf(first).file('a/../b?#').save('content', options);
    await bucketOf(first).file('empty').save('');
    const uploaded = await fetch(`${first.urls.hosting}/v1/files`, {
      method: 'POST',
      headers: {
        'x-api-key': first.keys['ingest'] ?? '',
        'x-file-name': 'a.txt',
        'x-file-type': 'transcription',
        'content-type': 'text/plain',
      },
      body: 'words',
    });
    const { file_id: fileId } = (await uploaded.json()) as { file_id: string };
    const [before] = await bucketOf(first).file('a/../b?#').getMetadata();
    assert.equal(await seesTask('queued'), false);
    const beforeMs = await first.advance(300_000);
    await close();

    const second = await start();
    assert.ok(second.now() >= beforeMs);
    const [after] = await bucketOf(second).file('a/../b?#').getMetadata();
    const withoutLinks = ({ selfLink, mediaLink, ...rest }: typeof after) => rest;
    assert.deepEqual(withoutLinks(after), withoutLinks(before));
    assert.equal(String((await bucketOf(second).file('a/../b?#').download())[0]), 'content');
    assert.equal((await bucketOf(second).file('empty').download())[0].length, 0);
    for (const id of ['kept', 'queued']) while (!(await seesTask(id))) await second.advance(5000);
    assert.equal(await (await call(`/v1/files/${fileId}/content`, 'read')).text(), 'words');
    assert.deepEqual(
      logged.filter((line) => /Memory limit|ended by itself/.test(line)),
      [],
    );
  });

  const post = (id: string) =>
    call('/v1/tasks', 'ingest', { task_id: id, task_type: 'text_translation', required_miner_count: 1 });

  it('keeps queues: paused ones, names that are taken, schedule times and attempts', async () => {
    const queue = 'projects/demo-sluice/locations/us-central1/queues/work';
    const taskTo = (url: string, name: string, at: number) => ({
      name: `${queue}/tasks/${name}`,
      scheduleTime: { seconds: Math.floor(at / 1000) },
      httpRequest: {
        url,
        headers: { 'content-type': 'application/json' },
        body: Buffer.from(JSON.stringify({ data: { name } })),
      },
    });
    const first = await startSmall();
    const laterMs = first.now() + 600_000;
    const [refused, later] = await withTasks(first, async (tasks) => {
      const create = (name: string, target: string, at: number) =>
        tasks.createTask({ parent: queue, task: taskTo(`${first.urls.functions}/${target}`, name, at) });
      await create('refused', 'absent', first.now());
      await create('deleted', 'work', laterMs);
      await tasks.deleteTask({ name: `${queue}/tasks/deleted` });
      await create('later', 'work', laterMs);
      while (!(await tasks.getTask({ name: `${queue}/tasks/refused` }))[0].responseCount);
      await tasks.pauseQueue({ name: queue });
      return (await tasks.listTasks({ parent: queue }))[0];
    });
    await close();

    const second = await startSmall();
    await withTasks(second, async (tasks) => {
      assert.equal((await tasks.getQueue({ name: queue }))[0].state, 'PAUSED');
      assert.deepEqual((await tasks.listTasks({ parent: queue }))[0], [
        { ...refused, httpRequest: { ...refused?.httpRequest, url: `${second.urls.functions}/absent` } },
        { ...later, httpRequest: { ...later?.httpRequest, url: `${second.urls.functions}/work` } },
      ]);
      const again = taskTo(`${second.urls.functions}/work`, 'deleted', laterMs);
      await assert.rejects(tasks.createTask({ parent: queue, task: again }), { code: 6 });
      await tasks.resumeQueue({ name: queue });
    });
    await second.advance(600_000);
    const records = (await (await fetch(`${second.urls.functions}/record`)).json()) as { task?: string }[];
    assert.deepEqual(
      records.flatMap(({ task }) => task ?? []),
      ['later'],
    );
  });

  it('keeps one snapshot, the newest', async () => {
    for (const n of [1, 2, 3]) {
      await withDatabase(await startSmall(), (db) => db.doc(`c/${n}`).set({ n }));
      await close();
      newest();
    }
    const ids = await withDatabase(await startSmall(), async (db) =>
      (await db.collection('c').get()).docs.map(({ id }) => id),
    );
    assert.deepEqual(ids, ['1', '2', '3']);
  });

  it('does not start with a snapshot that it cannot read, names the file, and leaves it as it is', async () => {
    await bucketOf(await startSmall())
      .file('a')
      .save('content');
    await close();
    for (const [file, text] of [
      ['tasks.jsonl', '{"format":"sluice-tasks 1"}\n'],
      ['storage/0', 'other'],
      ['storage.jsonl', '{"format":"other"}\n'],
      ['firestore.documents', 'x'],
      ['stack.json', '{'],
    ] as const) {
      const path = join(newest(), file);
      const good = readFileSync(path);
      writeFileSync(path, text);
      await assert.rejects(startSmall(), (error) => {
        assert.ok(error instanceof SnapshotError, String(error));
        assert.ok(error.message.includes(path), error.message);
        return true;
      });
      assert.equal(readFileSync(path, 'utf8'), text);
      writeFileSync(path, good);
    }
    await startSmall();
  });

  it('does not start when the directory is a file', async () => {
    writeFileSync(dir, '');
    await assert.rejects(startSmall(), /EEXIST/);
  });
});
