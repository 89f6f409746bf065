import assert from 'node:assert/strict';
import { Firestore } from '@google-cloud/firestore';
import { startFirestore } from '../../../local/firestore/index.ts';
import { OffsetClock } from '../../../local/shared/clock.ts';
import { Faults } from '../../../local/shared/faults.ts';
import { startStorage } from '../../../local/storage/index.ts';
import { build } from '../../support/build.ts';
import { type Emulators, startEmulators } from './emulators.ts';

// Off the cloud, the clients would look for a metadata server.
process.env['METADATA_SERVER_DETECTION'] ??= 'none';

const projectId = 'demo-sluice';
const miners = [0, 7, 255];
const longText = 'x'.repeat(100_000);

interface Task {
  status: string;
  response_count: number;
  miner_responses: Record<string, { accuracy_score: number; response_data: { text: string } }>;
  best_response: { miner_uid: number; score: number };
  completion_reason: string;
}

/**
 * These emulators run one request per process and deliver every carrier at once, whatever its schedule time: the
 * hardest order for the flusher, which must still write what is right.
 */
describe('the built functions in the official Functions and Tasks emulators', function () {
  this.timeout(90_000);
  const closers: (() => Promise<unknown>)[] = [];
  let emulators: Emulators;
  let firestore: Firestore;

  before(async () => {
    build();
    const clock = new OffsetClock();
    const service = { port: 0, clock, faults: new Faults(clock) };
    const documents = await startFirestore(service);
    closers.push(() => documents.close());
    const objects = await startStorage({ ...service, buckets: [`${projectId}.appspot.com`] });
    closers.push(() => objects.close());
    firestore = new Firestore({ projectId, host: `127.0.0.1:${documents.port}`, ssl: false });
    closers.push(() => firestore.terminate());
    emulators = await startEmulators(projectId, {
      FIRESTORE_EMULATOR_HOST: `127.0.0.1:${documents.port}`,
      STORAGE_EMULATOR_HOST: `http://127.0.0.1:${objects.port}`,
    });
    closers.push(() => emulators.close());
  });

  after(async () => {
    for (const close of closers.reverse()) await close();
  });

  async function call(path: string, key: string, body?: object): Promise<{ status: number; text: string }> {
    const answer = await fetch(`${emulators.url}${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { 'X-API-Key': key, 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: answer.status, text: await answer.text() };
  }

  async function accepted(path: string, key: string, body: object): Promise<void> {
    const { status, text } = await call(path, key, body);
    assert.equal(status, 202, `${text}\n${emulators.output()}`);
  }

  function responseOf(taskId: string, uid: number): object {
    const text = uid === 255 ? longText : `answer of ${uid}`;
    return {
      task_id: taskId,
      miner_uid: uid,
      response_data: { text },
      accuracy_score: uid === 7 ? 0.9 : 0.5,
    };
  }

  async function sendAll(task_id: string): Promise<void> {
    await accepted('/sluice-ingest/v1/responses', 'local-miner-key', responseOf(task_id, 0));
    await accepted('/sluice-ingest/v1/tasks', 'local-ingest-key', { task_id, task_type: 'transcription' });
    await accepted('/sluice-ingest/v1/responses', 'local-ingest-key', {
      responses: [responseOf(task_id, 0), responseOf(task_id, 7)],
    });
    await accepted('/sluice-ingest/v1/responses', 'local-miner-key', responseOf(task_id, 255));
  }

  /** Resolves with the tasks once each of them is completed. */
  function completed(taskIds: readonly string[]): Promise<Map<string, unknown>> {
    return new Promise((resolve, reject) => {
      const stop = firestore.collection('tasks').onSnapshot((snapshot) => {
        const done = snapshot.docs.filter((doc) => doc.get('status') === 'completed');
        const found = new Map(done.map((doc) => [doc.id, doc.data()]));
        if (!taskIds.every((id) => found.has(id))) return;
        stop();
        resolve(found);
      }, reject);
    });
  }

  it('completes tasks whose creation and responses come alone, together, doubled and in any order', async () => {
    const taskIds = Array.from({ length: 3 }, (_, index) => `task-${index}`);
    const done = completed(taskIds);
    // Each request at the same time as another takes a process of its own, which takes a second to start.
    await Promise.all(taskIds.map(sendAll));
    for (const [id, data] of await done) {
      const task = data as Task;
      assert.equal(task.response_count, 3, id);
      assert.deepEqual(Object.keys(task.miner_responses).map(Number).sort(), miners.toSorted());
      assert.equal(task.best_response.miner_uid, 7);
      assert.equal(task.completion_reason, 'responses');
    }
  });

  it('serves a completed task with its large body from Cloud Storage', async () => {
    const { status, text } = await call('/sluice-api/v1/tasks/task-0', 'local-read-key');
    assert.equal(status, 200, text);
    const task: Task = JSON.parse(text);
    assert.equal(task.miner_responses['255']?.response_data.text, longText);
    assert.equal(task.miner_responses['0']?.response_data.text, 'answer of 0');
  });

  it('refuses an unknown key there too', async () => {
    const { status } = await call('/sluice-ingest/v1/responses', 'none-of-ours', responseOf('task-0', 1));
    assert.equal(status, 401);
  });
});
