import assert from 'node:assert/strict';
import { minerRoutes } from '../../functions/src/miners/taskRoutes.ts';
import { type Backend, startBackend } from '../support/api.ts';
import { created, response } from '../support/events.ts';
import { feedOf } from '../support/feed.ts';
import { defaultSpeakers } from '../support/speakers.ts';

const miners = 200;
const openTasks = 100;
const pollEverySeconds = 10;
const seconds = 120;
const readCacheSeconds = 5;

describe('What polling costs', () => {
  let backend: Backend;

  before(async () => {
    backend = await startBackend();
  });

  after(() => backend.close());

  it('one read per READ_CACHE_SECONDS, and two per write, for 200 miners with 100 open tasks @slow', async () => {
    const { clock } = backend;
    const feed = feedOf(backend, { readCacheMs: readCacheSeconds * 1000 });
    const api = await backend.serve(
      minerRoutes({ feed, speakers: defaultSpeakers(), readCacheMs: 5000, pollCacheMs: 5000 }),
    );
    for (let index = 0; index < openTasks; index += 1) {
      const assigned_miners = [0, 1, 2].map((step) => (index * 3 + step) % miners);
      await backend.write(created(`task-${index}`, clock.now(), { task_type: 'tts', assigned_miners }));
    }
    backend.billedReads();

    let writes = 0;
    let polls = 0;
    let told = 0;
    for (let second = 0; second < seconds; second += 1) {
      clock.moveTo(second * 1000 + 10_000);
      if (second % 4 === 3) {
        await backend.write(response(`task-${writes}`, clock.now(), (writes * 3) % miners));
        writes += 1;
      }
      const due = Array.from({ length: miners }, (_, uid) => uid).filter(
        (uid) => uid % pollEverySeconds === second % pollEverySeconds,
      );
      const answers = await Promise.all(
        due.map((uid) => api.get(`/api/v1/miners/${uid}/tasks?status=assigned`, 'miner-key')),
      );
      polls += answers.length;
      for (const { status, headers } of answers) {
        assert.equal(status, 200);
        told += Number(headers.get('x-firestore-reads'));
      }
    }

    const reads = backend.billedReads();
    const atMost = seconds / readCacheSeconds + 2 * writes;
    assert.equal(polls, (miners * seconds) / pollEverySeconds);
    assert.equal(writes, 30);
    assert.equal(told, reads, 'X-Firestore-Reads adds up to what was billed');
    assert.ok(reads - openTasks <= atMost, `${reads - openTasks} reads after the first load, not ${atMost}`);
  });
});
