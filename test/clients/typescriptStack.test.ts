import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Clock,
  NotFound,
  Sluice,
  type SluiceOptions,
  Unavailable,
  UploadInterrupted,
} from '../../clients/typescript/src/index.ts';
import { type LocalStack, startStack } from '../../local/stack.ts';
import { advanceUntil } from '../support/advance.ts';
import { build } from '../support/build.ts';

/** The machine's clock, by which nobody waits between attempts; requests have their time. */
const hastyClock: Clock = {
  now: () => performance.now(),
  setTimeout: (task, delayMs) => setTimeout(task, delayMs < 20_000 ? 0 : delayMs),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
};

describe('the TypeScript client and the local stack', function () {
  this.timeout(120_000);
  let stack: LocalStack;
  let folder: string;
  const clients: Sluice[] = [];
  before(async () => {
    build();
    folder = mkdtempSync(join(tmpdir(), 'sluice-ts-'));
    stack = await startStack({ ports: 'free', projectId: 'demo-typescript', quiet: true });
  });
  after(async () => {
    await Promise.all(clients.map((client) => client.close({ timeoutMs: 0 })));
    await stack.close();
    rmSync(folder, { recursive: true });
  });

  function clientOf(options: SluiceOptions = {}): Sluice {
    const outbox = join(folder, `${clients.length}.db`);
    const key = stack.keys['proxy'];
    const client = new Sluice({
      url: stack.urls.hosting,
      key,
      outbox,
      lingerMs: 20,
      maxBackoffMs: 200,
      ...options,
    });
    clients.push(client);
    return client;
  }

  /** Asks again where the stack is too busy to answer. */
  async function served<Result>(ask: () => Promise<Result>): Promise<Result> {
    for (let tries = 10; ; tries -= 1) {
      try {
        return await ask();
      } catch (error) {
        if (!(error instanceof Unavailable) || tries === 1) throw error;
        await stack.advance(error.retryAfterMs ?? 1000);
      }
    }
  }

  /** Bytes that are not all alike. */
  const bytesOf = (length: number): Uint8Array<ArrayBuffer> =>
    new Uint8Array(length).map((_, at) => at * at + (at >> 8));

  it('takes a task from its creation to its best answer', async () => {
    const client = clientOf();
    const fields = { input_text: 'Hallo', required_miner_count: 1 };
    const taskId = await client.createTask('translation', fields, { visibility: 'prompt' });
    await client.sendResponse(
      taskId,
      7,
      { text: 'Hello' },
      { accuracy_score: 0.5, submitted_at: new Date() },
    );
    const path = `users/${taskId}`;
    await client.set(path, { n: 2n ** 60n, since: new Date(), bytes: bytesOf(3) });
    assert.equal(await client.drain(), true);
    const isDone = async (): Promise<boolean> => {
      const page = await served(() => client.listTasks({ status: 'completed' }));
      return page.tasks.length > 0;
    };
    await advanceUntil(stack, isDone, { stepMs: 10_000, steps: 6 });
    const task = await served(() => client.getTask(taskId, { wait: true }));
    assert.deepEqual([task.status, task.best_response?.miner_uid], ['completed', 7]);
    const found = await served(async () => {
      const ids: string[] = [];
      for await (const { task_id } of client.tasks({ status: 'completed' })) ids.push(task_id);
      return ids;
    });
    assert.deepEqual(found, [taskId]);
    await assert.rejects(
      served(() => client.getTask(randomUUID())),
      NotFound,
    );
    assert.ok('backlog' in (await client.status({ detail: true })));
    assert.ok('current_usage' in (await served(() => client.quota())));
    assert.ok(Array.isArray(await client.warnings()));
    assert.match((await client.flush()).requested_at, /^\d{4}-/);
    assert.equal((await served(() => client.cleanup({ maxAgeHours: 1 }))).is_complete, true);
    assert.deepEqual(await client.refused(), []);
  });

  it('holds back nothing for a line that is refused', async () => {
    const client = clientOf({
      logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    });
    const documents = ['tasks/mine', 'users/half', 'users/whole'];
    for (const path of documents)
      await client.set(path, { text: path === 'users/half' ? '\ud83d' : 'whole' });
    assert.equal(await client.drain(), true);
    assert.equal((await client.refused()).length, 2);
    assert.equal((await client.outboxStatus()).error, undefined);
  });

  it('stores files, small and large, and gives them back', async () => {
    const client = clientOf({ outbox: null });
    const small = await client.uploadFile(bytesOf(3), { fileName: 'ä 1.txt', contentType: 'text/plain' });
    assert.deepEqual([small.status, small.file_name], ['stored', 'ä 1.txt']);
    assert.deepEqual(await client.downloadFile(small.file_id), bytesOf(3));
    const data = bytesOf(9_000_000);
    const path = join(folder, 'large.bin');
    writeFileSync(path, data);
    const heard: number[] = [];
    const large = await client.uploadFile(path, {
      fileName: 'large.bin',
      progress: (sent) => heard.push(sent),
    });
    assert.deepEqual(heard, [8 * 1024 * 1024, data.length]);
    assert.deepEqual(
      [large.status, large.sha256],
      ['stored', createHash('sha256').update(data).digest('hex')],
    );
    assert.deepEqual(await client.downloadFile(large.file_id), data);
    assert.equal((await client.getFile(large.file_id)).size, data.length);
    assert.ok(
      (await client.listFiles({ limit: 100 })).files.some(({ file_id }) => file_id === large.file_id),
    );
    await client.deleteFile(large.file_id);
  });

  it('goes on with an upload where it was cut', async () => {
    const data = bytesOf(9_000_000);
    let parts = 0;
    const cut: typeof fetch = async (address, init) => {
      const isPart = init?.method === 'PUT' && (init.body as Uint8Array).length > 0;
      if (isPart) parts += 1;
      if (isPart && parts > 1) throw new TypeError('cut');
      return fetch(address, init);
    };
    const interrupted = clientOf({ outbox: null, fetch: cut, clock: hastyClock });
    const upload = interrupted.uploadFile(data, { fileName: 'cut.bin' });
    const error = await upload.catch((failure: unknown) => failure);
    assert.ok(error instanceof UploadInterrupted);
    assert.match(error.message, /stopped at byte 8388608 of 9000000: .* cut$/);
    const resume = JSON.parse(JSON.stringify(error.ticket)) as typeof error.ticket;
    const client = clientOf({ outbox: null });
    await assert.rejects(client.uploadFile(bytesOf(5), { fileName: 'cut.bin', resume }), RangeError);
    const heard: number[] = [];
    const progress = (sent: number): void => void heard.push(sent);
    const stored = await client.uploadFile(new Blob([data]), { fileName: 'cut.bin', resume, progress });
    assert.deepEqual([stored.status, heard], ['stored', [8 * 1024 * 1024, data.length]]);
    assert.deepEqual(await client.downloadFile(stored.file_id), data);
  });

  it('leases quota, and gives it back', async () => {
    const client = clientOf({ outbox: null });
    const lease = client.lease({ writes: 10, ttlSeconds: 5 });
    await lease.spend({ writes: 1 }, { timeoutMs: 10_000 });
    await lease.close();
  });
});
