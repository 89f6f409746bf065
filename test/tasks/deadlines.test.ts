import assert from 'node:assert/strict';
import { carrierOf, carrierToWire } from '../../functions/src/events/carrier.ts';
import { deadlineStamp } from '../../functions/src/events/stamp.ts';
import { startMs } from '../support/clock.ts';
import { crashAt } from '../support/crash.ts';
import { created, packLines, patched, response } from '../support/events.ts';
import { keysIn, type Pipeline, startPipeline } from '../support/pipeline.ts';

const timeoutMs = 3_600_000;
const minuteMs = 60_000;
const prompt = { visibility: 'prompt' } as const;

function booked({ tasks }: Pipeline): (number | undefined)[] {
  return tasks.put.filter(({ queue }) => queue === 'expire').map(({ dueMs }) => dueMs);
}

/** Puts lines into a carrier for `expire`, due now. */
async function expire(pipeline: Pipeline, lines: string[], dueMs = startMs): Promise<void> {
  const carrier = carrierOf({ schema: 1, dueMs, count: lines.length, packed: await packLines(lines) });
  await pipeline.tasks.connect('expire').put(carrierToWire(carrier), dueMs);
}

describe('deadlines', () => {
  it('are booked in one carrier for each minute in which they are due', async () => {
    const pipeline = startPipeline();
    const agoMs = startMs - 2 * minuteMs;
    await pipeline.accept([
      created('a', agoMs + 1, {}, prompt),
      created('b', agoMs + 59_000, {}, prompt),
      created('c', agoMs + minuteMs, {}, prompt),
      created('d', agoMs + minuteMs + 1, {}, prompt),
    ]);
    await pipeline.tick();
    const due = agoMs + timeoutMs + minuteMs;
    assert.deepEqual(booked(pipeline), [due, due + minuteMs]);
    const [first] = pipeline.tasks.in('expire');
    assert.deepEqual(
      await keysIn(first?.data ?? {}, pipeline.objects),
      [
        ['a', 1],
        ['b', 59_000],
        ['c', minuteMs],
      ].map(([id, at]) => `${id}\n${deadlineStamp(agoMs + timeoutMs + Number(at))}`),
    );
  });

  it('come for tasks that another system made, too, once something happens to them', async () => {
    const pipeline = startPipeline();
    const stored = { status: 'pending', task_type: 'x', created_at: new Date(startMs - minuteMs) };
    pipeline.documents.set('tasks/old', stored);
    pipeline.documents.set('tasks/older', { ...stored, created_at: new Date(startMs - 2 * timeoutMs) });
    await pipeline.accept([
      patched('old', startMs, { priority: 1 }, prompt),
      patched('older', startMs, { priority: 1 }, prompt),
    ]);
    await pipeline.clock.advance(2 * minuteMs);
    assert.deepEqual(
      ['old', 'older'].map((id) => pipeline.task(id)?.['status']),
      ['pending', 'failed'],
    );
    await pipeline.clock.advance(timeoutMs);
    assert.equal(pipeline.task('old')?.['status'], 'failed');
    assert.equal(pipeline.tasks.queued.size, 0);
  });

  it('are booked before the creation is acknowledged, whatever dies', async () => {
    for (const fate of ['died before', 'died after'] as const) {
      const pipeline = startPipeline();
      crashAt(pipeline, (operation) => operation === 'tasks.put expire', fate);
      await pipeline.accept([created('t', startMs, {}, prompt)]);
      await pipeline.tick();
      await pipeline.clock.advance(5_000);
      assert.ok(booked(pipeline).length >= 1, fate);
      await pipeline.clock.advance(timeoutMs + 2 * minuteMs);
      assert.equal(pipeline.task('t')?.['status'], 'failed');
      assert.equal(pipeline.tasks.queued.size, 0);
    }
  });

  it('are booked again by a redelivery that changes nothing, while the task is open', async () => {
    const pipeline = startPipeline();
    const creation = created('t', startMs, {}, prompt);
    await pipeline.accept([creation]);
    await pipeline.accept([creation], startMs + 20_000);
    await pipeline.clock.advance(30_000);
    assert.equal(pipeline.documents.writes, 1);
    assert.equal(booked(pipeline).length, 2);
  });

  it('are not booked for a task that is complete at once, nor by responses', async () => {
    const pipeline = startPipeline();
    const answers = (taskId: string) => [1, 2, 3].map((uid) => response(taskId, startMs, uid));
    await pipeline.accept([created('t', startMs), ...answers('t'), ...answers('u')]);
    await pipeline.tick();
    assert.equal(pipeline.documents.writes, 2);
    assert.deepEqual(booked(pipeline), []);
  });

  it('are booked again where other names open a task, whatever dies, and not where they do not', async () => {
    const pipeline = startPipeline();
    const own = (uid: number) => ({ ...response('t', startMs + uid, uid), minerKey: 'k' });
    const fields = { task_type: 'test', required_miner_count: 1, assigned_miners: [1] };
    await pipeline.accept([created('t', startMs, fields), own(1)]);
    await pipeline.tick();
    assert.deepEqual(booked(pipeline), []);
    await pipeline.accept([patched('t', startMs + 10, { assigned_miners: [1, 2] }, prompt), own(2)]);
    await pipeline.tick();
    assert.deepEqual(booked(pipeline), [], 'all who answered are named');
    const reopening = patched('t', startMs + 20, { assigned_miners: [3] }, prompt);
    for (let times = 1; times <= 2; times += 1) {
      await pipeline.accept([reopening]);
      await pipeline.tick();
      assert.equal(booked(pipeline).length, times, 'a redelivery repeats it');
    }
    await pipeline.clock.advance(timeoutMs + 2 * minuteMs);
    assert.equal(pipeline.task('t')?.['status'], 'failed');
  });

  it('change nothing, and cost no write, where responses completed the task meanwhile', async () => {
    const pipeline = startPipeline();
    await pipeline.accept([created('t', startMs, {}, prompt)]);
    await pipeline.tick();
    await pipeline.accept([1, 2, 3].map((uid) => response('t', pipeline.clock.now(), uid)));
    await pipeline.tick();
    const before = pipeline.documents.fields('tasks/t');
    await pipeline.clock.advance(timeoutMs + 2 * minuteMs);
    assert.deepEqual(pipeline.documents.fields('tasks/t'), before);
    assert.equal(pipeline.documents.writes, 2);
    assert.equal(pipeline.tasks.queued.size, 0);
  });

  it('give way to a response that was accepted before and delivered after', async () => {
    const pipeline = startPipeline();
    await pipeline.accept([created('t', startMs, {}, prompt)]);
    await pipeline.clock.advance(timeoutMs + 2 * minuteMs);
    assert.equal(pipeline.task('t')?.['status'], 'failed');
    await pipeline.accept([response('t', startMs + timeoutMs - 1, 1)]);
    await pipeline.clock.advance(70_000);
    const task = pipeline.task('t');
    assert.deepEqual([task?.['status'], task?.['completion_reason']], ['completed', 'timeout']);
    assert.equal(task?.['completed_at'], new Date(startMs + timeoutMs).toISOString());
  });

  it('of tasks that are gone make no document', async () => {
    const pipeline = startPipeline();
    await expire(pipeline, [
      JSON.stringify({ kind: 'deadline', taskId: 'gone', stamp: deadlineStamp(startMs) }),
    ]);
    await pipeline.clock.advance(10_000);
    assert.deepEqual(pipeline.documents.paths(), []);
    assert.equal(pipeline.tasks.queued.size, 0);
  });
});

describe('expire', () => {
  it('refuses what comes before its time, so that it comes again', async () => {
    const pipeline = startPipeline();
    await pipeline.accept([created('t', startMs, {}, prompt)]);
    await pipeline.tick();
    const [task] = pipeline.tasks.in('expire');
    assert.ok(task);
    await pipeline.tasks.retryNow(task);
    assert.deepEqual([task.retryCount, pipeline.tasks.in('expire').length], [1, 1]);
    assert.equal(pipeline.task('t')?.['status'], 'pending');
    await pipeline.clock.advance(timeoutMs + 2 * minuteMs);
    assert.equal(pipeline.task('t')?.['status'], 'failed');
  });

  it('keeps what it cannot read as a dead letter, and the rest goes on', async () => {
    const pipeline = startPipeline();
    await pipeline.accept([created('t', startMs - timeoutMs, {}, prompt)]);
    const good = { kind: 'deadline', taskId: 't', stamp: deadlineStamp(startMs) };
    await expire(pipeline, ['no event', JSON.stringify(good)]);
    await pipeline.tasks.connect('expire').put({ schema: 1 }, startMs);
    await pipeline.clock.advance(20_000);
    assert.equal(pipeline.task('t')?.['status'], 'failed');
    assert.deepEqual(
      pipeline.objects.json('dead-letters/').map(({ reason }) => reason),
      ['unreadable', 'unreadable'],
    );
  });

  it('hands on every line as it came, also one that this version cannot read, and carriers unopened', async () => {
    const pipeline = startPipeline();
    const line = `{ "kind": "deadline", "taskId": "t", "stamp": "${deadlineStamp(startMs)}", "later": 1 }`;
    await expire(pipeline, [line]);
    await pipeline.tasks.connect('expire').put({ schema: 99, anything: [1] }, startMs);
    await pipeline.clock.advance(timeoutMs);
    assert.equal(pipeline.tasks.in('expire').length, 0);
    const [lines, carrier] = pipeline.tasks
      .in('flush')
      .toSorted((a, b) => Number(a.data['schema']) - Number(b.data['schema']));
    assert.deepEqual(await keysIn(lines?.data ?? {}, pipeline.objects), [line]);
    assert.deepEqual([carrier?.data['schema'], carrier?.data['anything']], [99, [1]]);
    assert.deepEqual(pipeline.objects.names(), []);
  });
});
