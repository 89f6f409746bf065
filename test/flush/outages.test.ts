import assert from 'node:assert/strict';
import type { TaskEvent } from '../../functions/src/events/event.ts';
import { stampCeiling } from '../../functions/src/events/stamp.ts';
import { startMs } from '../support/clock.ts';
import { created, patched, response } from '../support/events.ts';
import { operation } from '../support/operations.ts';
import { flushRequest, type Pipeline, startPipeline } from '../support/pipeline.ts';

const threeAnswers = (taskId: string, ms: number): TaskEvent[] =>
  [1, 2, 3].map((uid) => response(taskId, ms, uid));

function letters({ objects }: Pipeline): unknown[] {
  return objects.json('dead-letters/').map(({ reason }) => reason);
}

/** Moments, in seconds from the start, at which Firestore was called. */
function watchFirestore(pipeline: Pipeline, isDown: () => boolean): number[] {
  const calls: number[] = [];
  pipeline.decide = (operation) => {
    if (!operation.startsWith('documents.')) return 'done';
    calls.push(Math.floor((pipeline.clock.now() - startMs) / 1_000));
    return isDown() ? 'failed' : 'done';
  };
  return calls;
}

describe('while Firestore is down', () => {
  it('is left alone for longer and longer, whatever else comes', async () => {
    const pipeline = startPipeline();
    const calls = watchFirestore(pipeline, () => true);
    await pipeline.accept(threeAnswers('t', startMs));
    for (let tick = 0; tick < 60; tick += 1) {
      const nowMs = pipeline.clock.now();
      await pipeline.accept([patched(`waits-${tick}`, nowMs, { priority: 1 }, { visibility: 'deferred' })]);
      await pipeline.accept([patched(`t-${tick}`, nowMs, { priority: 1 }, { visibility: 'prompt' })]);
      await pipeline.tasks.connect('flush').put(flushRequest(stampCeiling(startMs - 1), nowMs), nowMs);
      await pipeline.tick();
    }
    // More documents than one call reads are asked for in several at once.
    const moments = [...new Set(calls)];
    const pauses = moments.slice(1).map((moment, index) => moment - (moments[index] ?? 0));
    assert.ok(pauses.length <= 8, `paused ${pauses.join(', ')} s`);
    for (const [index, pause] of pauses.entries()) assert.ok(pause >= (pauses[index - 1] ?? 5));
  });

  it('nothing is lost, nothing gives up, and all is written soon after', async () => {
    const pipeline = startPipeline();
    let isDown = true;
    watchFirestore(pipeline, () => isDown);
    const ids = Array.from({ length: 30 }, (_, number) => `t${number}`);
    for (const id of ids) {
      await pipeline.accept(threeAnswers(id, pipeline.clock.now()));
      await pipeline.clock.advance(60_000);
    }
    isDown = false;
    await pipeline.clock.advance(130_000);
    for (const id of ids) assert.equal(pipeline.task(id)?.['response_count'], 3);
    assert.equal(pipeline.documents.writes, ids.length);
    assert.deepEqual(pipeline.objects.names(), []);
  });

  const withCode = (code: unknown): Error => Object.assign(new Error('It fails.'), { code });
  for (const error of [
    ...[2, 11, 12, 15, 99, 403, 'ECONNRESET', '2', undefined].map(withCode),
    'no error at all',
    new TypeError('fetch failed'),
  ]) {
    const name = error instanceof Error ? `${error.name} ${Object(error).code}` : error;
    it(`is an outage whatever its client throws: ${name}`, async () => {
      const pipeline = startPipeline();
      let isDown = true;
      const fail = (): undefined => {
        if (isDown) throw error;
      };
      pipeline.documents.refuse = fail;
      pipeline.documents.unreadable = () => fail() ?? false;
      for (const id of ['a', 'b', 'c']) await pipeline.accept(threeAnswers(id, startMs));
      for (let minute = 0; minute < 30; minute += 1) {
        await pipeline.clock.advance(60_000);
        assert.ok(pipeline.tasks.in('flush').every(({ retryCount }) => retryCount === 0));
      }
      isDown = false;
      await pipeline.clock.advance(130_000);
      assert.deepEqual(letters(pipeline), []);
      assert.deepEqual(pipeline.documents.paths(), ['tasks/a', 'tasks/b', 'tasks/c']);
    });
  }

  it('asks no more of Firestore for many documents than for few @slow', async () => {
    const pipeline = startPipeline();
    const calls = watchFirestore(pipeline, () => true);
    for (let part = 0; part < 5; part += 1) {
      const ids = Array.from({ length: 400 }, (_, number) => `t${part}-${number}`);
      await pipeline.accept(ids.map((id) => created(id, startMs, {}, { visibility: 'prompt' })));
    }
    await pipeline.clock.advance(600_000);
    assert.ok(calls.length < 15 * 15, `${calls.length} calls`);
  });

  it('the first success ends the pauses', async () => {
    const pipeline = startPipeline();
    let isDown = true;
    const calls = watchFirestore(pipeline, () => isDown);
    await pipeline.accept(threeAnswers('t', startMs));
    await pipeline.clock.advance(100_000);
    isDown = false;
    await pipeline.clock.advance(100_000);
    isDown = true;
    const before = calls.length;
    const nowMs = pipeline.clock.now();
    await pipeline.accept(threeAnswers('u', nowMs));
    await pipeline.clock.advance(16_000);
    assert.equal(calls.length - before, 2, 'the first pause is short again');
  });

  it('an attempt that hangs is given up, and what was in it is carried', async () => {
    const pipeline = startPipeline();
    let isHanging = true;
    pipeline.decide = (operation) => {
      const fate = isHanging && operation === 'documents.commit' ? 'died after' : 'done';
      return fate;
    };
    await pipeline.accept(threeAnswers('t', startMs));
    await pipeline.clock.advance(46_000);
    assert.ok(pipeline.tasks.in('flush').every(({ retryCount }) => retryCount === 0));
    isHanging = false;
    await pipeline.clock.advance(60_000);
    assert.equal(pipeline.documents.writes, 1, 'it had been written after all');
    assert.equal(pipeline.tasks.queued.size, 0);
  });

  for (const hanging of ['documents.read', 'documents.commit']) {
    it(`every delivery is answered within 60 s, those that came meanwhile too: ${hanging}`, async () => {
      const pipeline = startPipeline();
      pipeline.decide = (operation) => (operation === hanging ? 'died before' : 'done');
      const { deliver } = pipeline.tasks;
      const tookMs: number[] = [];
      pipeline.tasks.deliver = async (task, dispatch) => {
        const startedMs = pipeline.clock.now();
        await deliver?.(task, dispatch);
        tookMs.push(pipeline.clock.now() - startedMs);
      };
      for (let tick = 0; tick < 12; tick += 1) {
        await pipeline.accept([
          patched(`t${tick}`, startMs, { priority: 1 }, { visibility: 'prompt' }),
          operation(`things/${tick}`, startMs, 'set', { tick }, { visibility: 'prompt' }),
        ]);
        await pipeline.tick();
      }
      await pipeline.clock.advance(300_000);
      assert.ok(tookMs.length > 12);
      assert.ok(Math.max(...tookMs) < 60_000, `${Math.max(...tookMs)} ms`);
      assert.ok([...pipeline.tasks.queued.values()].every(({ retryCount }) => retryCount === 0));
    });
  }
});

describe('while Cloud Storage is down', () => {
  it('an event that can never be applied waits in the queue for its dead letter', async () => {
    const pipeline = startPipeline();
    let isDown = true;
    pipeline.decide = (operation) => (isDown && operation.startsWith('objects.') ? 'failed' : 'done');
    pipeline.documents.refuse = (path) => (path === 'tasks/bad' ? 'a bad value' : undefined);
    await pipeline.accept([
      ...threeAnswers('good', startMs),
      patched('bad', startMs, { priority: 1 }, { visibility: 'prompt' }),
    ]);
    await pipeline.clock.advance(30_000);
    assert.equal(pipeline.task('good')?.['response_count'], 3);
    assert.equal(pipeline.documents.writes, 1);
    assert.equal(pipeline.tasks.in('flush').length, 1);
    isDown = false;
    await pipeline.clock.advance(30_000);
    assert.deepEqual(letters(pipeline), ['refused_by_firestore']);
    assert.equal(pipeline.tasks.in('flush').length, 0);
  });

  it('a corrupt carrier, an unreadable line and an event too old stay queued', async () => {
    const pipeline = startPipeline();
    let isDown = true;
    pipeline.decide = (operation) => (isDown && operation.startsWith('objects.') ? 'failed' : 'done');
    await pipeline.tasks.connect('flush').put({ schema: 1 }, startMs);
    await pipeline.accept([response('t', startMs - 46 * 86_400_000, 1)]);
    await pipeline.accept([{ ...response('t', startMs, 1), taskId: '' }]);
    await pipeline.clock.advance(600_000);
    assert.equal(pipeline.tasks.in('flush').length, 3);
    isDown = false;
    await pipeline.clock.advance(120_000);
    assert.deepEqual(letters(pipeline).toSorted(), ['too_old', 'unreadable', 'unreadable']);
    assert.equal(pipeline.tasks.in('flush').length, 0);
  });

  it('a carrier whose contents are there is not given up, however long that takes', async () => {
    const pipeline = startPipeline();
    const data = Array.from({ length: 40_000 }, (_, number) => (number * 7_919) % 65_521);
    await pipeline.accept([response('t', startMs, 1, { response_data: data })]);
    assert.equal(pipeline.objects.names('bodies/carriers/').length, 1);
    let isDown = true;
    pipeline.decide = (operation) => (isDown && operation.startsWith('objects.') ? 'failed' : 'done');
    await pipeline.clock.advance(1_200_000);
    isDown = false;
    await pipeline.clock.advance(200_000);
    assert.deepEqual(letters(pipeline), []);
    assert.equal(pipeline.task('t')?.['response_count'], 1);
  });
});

describe('while Cloud Tasks and Cloud Storage are down', () => {
  it('what cannot be carried is delivered again, and not given up', async () => {
    const pipeline = startPipeline({ rules: { taskTimeoutMs: 12 * 3_600_000 } });
    let isDown = true;
    pipeline.decide = (operation) => (isDown && !operation.startsWith('documents.') ? 'failed' : 'done');
    await pipeline.accept([created('t', startMs, { task_type: 'test' }, { visibility: 'prompt' })]);
    await pipeline.clock.advance(6 * 3_600_000);
    assert.equal(pipeline.documents.writes, 1);
    assert.equal(pipeline.tasks.in('flush').length, 1, 'its deadline is not booked yet');
    isDown = false;
    await pipeline.clock.advance(120_000);
    assert.deepEqual(letters(pipeline), []);
    assert.equal(pipeline.tasks.in('flush').length, 0);
    assert.equal(pipeline.tasks.in('expire').length, 1);
    assert.equal(pipeline.documents.writes, 1);
  });

  it('what waits for more is carried through the spool where only Cloud Tasks is down', async () => {
    const pipeline = startPipeline();
    pipeline.decide = (operation) => (operation.startsWith('tasks.') ? 'failed' : 'done');
    await pipeline.accept([response('t', startMs, 1)]);
    await pipeline.tick();
    assert.equal(pipeline.tasks.in('flush').length, 0);
    const [spooled] = pipeline.objects.json('spool/');
    assert.deepEqual([spooled?.['queue'], spooled?.['due_ms']], ['flush', startMs + 60_000]);
  });
});
