import assert from 'node:assert/strict';
import { minerRoutes } from '../../functions/src/miners/taskRoutes.ts';
import { ttlField } from '../../functions/src/platform/documents.ts';
import type { OpenTaskFeed } from '../../functions/src/tasks/feed.ts';
import { FinalTasks } from '../../functions/src/tasks/minerTasks.ts';
import { type Api, type Backend, startBackend } from '../support/api.ts';
import { created } from '../support/events.ts';
import { feedOf } from '../support/feed.ts';
import type { Answer } from '../support/http.ts';
import { defaultSpeakers } from '../support/speakers.ts';

describe('Tasks that are over, in memory', () => {
  let backend: Backend;
  let api: Api;
  let feed: OpenTaskFeed;

  beforeEach(async () => {
    backend = await startBackend();
    feed = feedOf(backend);
    api = await backend.serve(
      minerRoutes({ feed, speakers: defaultSpeakers(), readCacheMs: 5000, pollCacheMs: 5000 }),
    );
  });
  afterEach(() => backend.close());

  const poll = (uid: number, status = 'completed'): Promise<Answer> =>
    api.get(`/api/v1/miners/${uid}/tasks?status=${status}`, 'miner-key');
  const write = (id: string, status = 'completed', more: object = {}): Promise<void> =>
    backend.write(
      created(id, backend.clock.now(), { task_type: 'tts', assigned_miners: [7, 8], status, ...more }),
    );

  it('are read once for all miners and statuses, and then followed by the reads of the open ones', async () => {
    for (let index = 0; index < 120; index += 1) await write(`t${index}`);
    backend.clock.moveTo(10_000);
    backend.billedReads();
    let told = 0;
    for (let index = 0; index < 10; index += 1) {
      const answer = await poll(index, index % 2 === 0 ? 'completed' : 'failed');
      told += Number(answer.headers.get('x-firestore-reads'));
    }
    assert.equal(told, 121, 'one for no open task');
    assert.equal(backend.billedReads(), 121);

    backend.clock.moveTo(15_000);
    await write('new');
    const answers = await Promise.all([7, 8, 9].map((uid) => poll(uid)));
    assert.deepEqual(
      answers.map((answer) => idsOf(answer)[0]),
      ['new', 'new', undefined],
    );
    assert.equal(backend.billedReads(), 1);
  });

  it('cost what changed, however long nobody asked', async () => {
    await write('a');
    backend.clock.moveTo(10_000);
    await poll(7);
    backend.clock.moveTo(3_600_000);
    await write('b', 'failed');
    backend.billedReads();
    assert.deepEqual(idsOf(await poll(7, 'failed')), ['b']);
    assert.deepEqual(idsOf(await poll(7)), ['a']);
    assert.equal(backend.billedReads(), 2, 'none is open, one is over');
  });

  it('are those of their status alone, and none that is open again or expired', async () => {
    await write('a');
    await write('b', 'cancelled');
    assert.deepEqual(idsOf(await poll(7)), ['a']);
    assert.deepEqual(idsOf(await poll(7, 'cancelled')), ['b']);
    await write('a', 'approved');
    backend.clock.moveTo(5000);
    assert.deepEqual(idsOf(await poll(7)), []);
    assert.deepEqual(idsOf(await poll(7, 'approved')), ['a']);
  });

  it('are unavailable while they were never read', async () => {
    await poll(7, 'assigned');
    backend.faults.add({ service: 'firestore', code: 8, rate: 1, forMs: 1000, phase: 'before' });
    assert.equal((await poll(7)).status, 503);
    backend.clock.moveTo(1000);
    assert.equal((await poll(7)).status, 200);
  });
});

describe('Tasks that are over, past what memory takes', () => {
  it('are the latest that fit', () => {
    const finals = new FinalTasks(5_000);
    for (let at = 1; at <= 20; at += 1) {
      const fields = { status: 'completed', written_at: new Date(at), input_text: 'x'.repeat(400) };
      finals.put({ path: `tasks/t${at}`, fields });
    }
    const newest = finals.newest(0);
    assert(newest.length > 1 && newest.length < 10);
    assert.equal(newest[0]?.writtenAtMs, 20);
    finals.put({ path: 'tasks/t20', fields: { status: 'pending', written_at: new Date(21) } });
    assert.equal(finals.newest(0)[0]?.writtenAtMs, 19);
    finals.forgetBefore(19);
    assert.equal(finals.newest(0).length, 1);
    const fields = { status: 'failed', written_at: new Date(30), [ttlField]: new Date(50) };
    finals.put({ path: 'tasks/gone', fields });
    assert.deepEqual([finals.newest(49).length, finals.newest(50).length], [2, 1]);
  });
});

function idsOf({ text }: Answer): string[] {
  return JSON.parse(text).map(({ task_id }: { task_id: string }) => task_id);
}
