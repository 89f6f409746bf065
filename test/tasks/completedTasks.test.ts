import assert from 'node:assert/strict';
import type { Fields, ReadDocument } from '../../functions/src/platform/documents.ts';
import { CompletedTasks } from '../../functions/src/tasks/completedTasks.ts';
import { ManualClock, startMs } from '../support/clock.ts';
import { memoryLogger } from '../support/logger.ts';
import { MemoryObjects } from '../support/objects.ts';

/** A completed task as it is stored, written and completed at this second. */
function taskAt(second: number, more: Fields = {}): ReadDocument {
  const at = new Date(startMs + second * 1_000);
  const fields: Fields = {
    task_type: 'tts',
    status: 'completed',
    created_at: new Date(startMs),
    completed_at: at,
    written_at: at,
    input_text: 'x'.repeat(1_000),
    miner_responses: {},
    ...more,
  };
  return { path: `tasks/t${second}`, fields };
}

function approved(second: number): ReadDocument {
  return taskAt(second, { status: 'approved' });
}

describe('completed tasks in memory', () => {
  const clock = new ManualClock();
  const objects = new MemoryObjects(clock);
  const bucket = objects.connect();
  /** Room for three tasks in an answer, for six in memory. */
  const memory = (get = bucket.get.bind(bucket)): CompletedTasks =>
    new CompletedTasks({ objects: { get }, logger: memoryLogger(), maxAnswerBytes: 4_500 });
  const listed = async (completed: CompletedTasks): Promise<string[]> => {
    const tasks = JSON.parse((await completed.answer(startMs)).toString()) as { task_id: string }[];
    return tasks.map(({ task_id }) => task_id);
  };
  const stored = (from: number, to: number): ReadDocument[] =>
    Array.from({ length: from - to + 1 }, (_, index) => taskAt(from - index));

  it('are read as far as an answer goes, and from there on once there is room', async () => {
    const completed = memory();
    const asked: unknown[] = [];
    const read = async ({ filters, after }: { filters: unknown[]; after: string | undefined }) => {
      asked.push([filters, after]);
      return { documents: stored(9, 0), cursor: '9 to 0' };
    };
    await completed.fill(read);
    assert.deepEqual(await listed(completed), ['t9', 't8', 't7']);
    await completed.fill(read);
    assert.equal(asked.length, 1, 'nothing more is read while it is full');

    for (const second of [9, 8, 7, 6, 5]) completed.put(approved(second));
    assert.deepEqual(await listed(completed), ['t4']);
    await completed.fill(async ({ filters, after }) => {
      const before = { field: 'written_at', op: '<', value: new Date(startMs + 3_001) };
      assert.deepEqual([filters, after], [[before], undefined], 'from the newest that was forgotten');
      return { documents: stored(3, 1), cursor: '3 to 1' };
    });
    assert.deepEqual(await listed(completed), ['t4', 't3', 't2']);
  });

  it('are as they changed while older ones were being read', async () => {
    const completed = memory();
    await completed.fill(async () => {
      completed.put(approved(2));
      completed.put(taskAt(5));
      return { documents: stored(2, 1) };
    });
    assert.deepEqual(await listed(completed), ['t5', 't1']);
  });

  it('are read from the first again where some were forgotten while older ones were being read', async () => {
    const completed = memory();
    let reads = 0;
    await completed.fill(async () => {
      reads += 1;
      if (reads > 1) return { documents: [...stored(12, 11), taskAt(2)] };
      for (const document of stored(18, 11)) completed.put(document);
      for (const second of [18, 17, 16, 15, 14, 13]) completed.put(approved(second));
      return { documents: stored(2, 1) };
    });
    assert.deepEqual(await listed(completed), ['t12', 't11', 't2']);
    assert.equal(reads, 2);
  });

  it('are searched for among so many that validators cannot read, and no more', async () => {
    const completed = memory();
    let reads = 0;
    const read: Parameters<typeof completed.fill>[0] = async ({ limit }) => {
      reads += limit;
      assert.ok(reads < 5_000, 'all that were ever completed are read');
      return { documents: Array.from({ length: limit }, () => taskAt(1, { created_at: null })), cursor: '' };
    };
    for (let poll = 0; poll < 10; poll += 1) await completed.fill(read);
    assert.deepEqual([await listed(completed), reads], [[], 1_000]);
    completed.put(taskAt(2));
    assert.deepEqual(await listed(completed), ['t2']);
  });

  it('have their bodies fetched once for all who ask together', async () => {
    await bucket.put('bodies/responses/a', Buffer.from('"from far"'));
    let fetches = 0;
    const completed = memory((name) => {
      fetches += 1;
      return bucket.get(name);
    });
    const response_body = { object: 'bodies/responses/a', bytes: 10 };
    completed.put(taskAt(1, { miner_responses: { 7: { miner_uid: 7, response_body } } }));
    for (const each of await Promise.all([listed(completed), listed(completed), listed(completed)]))
      assert.deepEqual(each, ['t1']);
    assert.equal(fetches, 1);
  });

  it('that change while a body is fetched are in the next answer', async () => {
    await bucket.put('bodies/responses/a', Buffer.from('"from far"'));
    let meanwhile = (): void => undefined;
    const completed = memory(async (name) => {
      meanwhile();
      return bucket.get(name);
    });
    const response_body = { object: 'bodies/responses/a', bytes: 10 };
    completed.put(taskAt(1, { miner_responses: { 7: { miner_uid: 7, response_body } } }));
    meanwhile = () => completed.put(taskAt(2));
    assert.deepEqual(await listed(completed), ['t1']);
    assert.deepEqual(await listed(completed), ['t2', 't1']);
  });

  it('count with the bodies that they have in Cloud Storage, in both places', async () => {
    const completed = memory();
    const withBody = (bytes: number): Fields => ({
      miner_responses: { 7: { miner_uid: 7, response_body: { object: 'bodies/responses/a', bytes } } },
    });
    completed.put(taskAt(1));
    completed.put(taskAt(2, withBody(1_500)));
    completed.put(taskAt(3, withBody(1_700)));
    assert.deepEqual(await listed(completed), ['t2'], 't3 is too large by itself');
  });
});
