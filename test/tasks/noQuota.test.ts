import assert from 'node:assert/strict';
import { minerRoutes } from '../../functions/src/miners/taskRoutes.ts';
import { DocumentError } from '../../functions/src/platform/documents.ts';
import { TaskReader } from '../../functions/src/tasks/reading.ts';
import { readRoutes } from '../../functions/src/tasks/readRoutes.ts';
import { type Api, type Backend, startBackend } from '../support/api.ts';
import { startMs } from '../support/clock.ts';
import { created } from '../support/events.ts';
import { feedOf } from '../support/feed.ts';
import { defaultSpeakers } from '../support/speakers.ts';

describe('Reading without a lease', () => {
  let backend: Backend;
  let api: Api;
  let hasQuota = true;

  beforeEach(async () => {
    backend = await startBackend();
    hasQuota = true;
    const { clock } = backend;
    const { read, query } = backend.documents;
    const leased =
      <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) =>
      async (...args: Args): Promise<Result> => {
        if (hasQuota) return call(...args);
        throw new DocumentError('no_quota', 'No quota for 1 reads: daily_budget.', {
          retryAtMs: clock.now() + 60_000,
        });
      };
    const documents = { read: leased(read), query: leased(query) };
    const objects = backend.objects.connect();
    const feed = feedOf(backend, { documents });
    const reader = new TaskReader({ documents, objects, clock, readCacheMs: 5_000, tickMs: 5_000 });
    api = await backend.serve([
      ...minerRoutes({ feed, speakers: defaultSpeakers(), readCacheMs: 5000, pollCacheMs: 5000 }),
      ...readRoutes({ reader, documents, clock }),
    ]);
  });

  afterEach(() => backend.close());

  it('answers polls from memory, however old', async () => {
    await backend.write(
      created('t1', startMs, { task_type: 'tts', assigned_miners: [7], status: 'assigned' }),
    );
    const poll = () => api.get('/api/v1/miners/7/tasks?status=assigned', 'miner-key');
    assert.equal(JSON.parse((await poll()).text).length, 1);

    hasQuota = false;
    backend.clock.moveTo(3_600_000);
    const { status, text, headers } = await poll();

    assert.equal(status, 200);
    assert.equal(JSON.parse(text)[0].task_id, 't1');
    assert.equal(headers.get('x-firestore-reads'), '0');
  });

  it('refuses other reads with 503 and when to come again, and polls that nothing is known for', async () => {
    hasQuota = false;
    for (const path of [
      '/v1/tasks/t1',
      '/v1/tasks?status=completed',
      '/api/v1/miners/7/tasks?status=assigned',
    ]) {
      const { status, json, headers } = await api.get(path);
      assert.equal(status, 503, path);
      assert.equal(json['code'], 'unavailable');
      assert.equal(headers.get('retry-after'), '60', path);
    }
  });
});
