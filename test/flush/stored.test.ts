import assert from 'node:assert/strict';
import { maxFieldStamps } from '../../functions/src/tasks/limits.ts';
import { startMs } from '../support/clock.ts';
import { created, patched, response } from '../support/events.ts';
import { type Pipeline, startPipeline } from '../support/pipeline.ts';

describe('flush: a task that an instance knows only from the database', () => {
  let pipeline: Pipeline;

  beforeEach(async () => {
    pipeline = startPipeline();
    await pipeline.accept([
      created('t', startMs, { task_type: 'test', required_miner_count: 5 }),
      response('t', startMs, 1),
    ]);
    await pipeline.clock.advance(70_000);
    assert.deepEqual(pipeline.documents.commits, [['tasks/t']]);
    pipeline.start();
  });

  it('is read once and written once with what is new', async () => {
    const nowMs = pipeline.clock.now();
    await pipeline.accept([2, 3, 4].map((uid) => response('t', nowMs, uid)));
    await pipeline.tick();
    assert.deepEqual(pipeline.documents.reads, [['tasks/t']]);
    assert.deepEqual(pipeline.documents.commits, [['tasks/t'], ['tasks/t']]);
    assert.deepEqual(Object.keys(pipeline.task('t')?.['miner_responses'] ?? {}), ['1', '2', '3', '4']);
    assert.deepEqual(pipeline.objects.names(), []);
  });

  it('is not written for what it has already', async () => {
    await pipeline.accept([response('t', startMs, 1), created('t', startMs, { task_type: 'test' })]);
    await pipeline.clock.advance(70_000);
    assert.equal(pipeline.documents.writes, 1);
    assert.deepEqual(pipeline.objects.names(), []);
  });
});

describe('flush: a task with more fields than it keeps stamps of', () => {
  const many = Array.from({ length: maxFieldStamps + 10 }, (_, index) =>
    patched('t', startMs + index, { [`input_${index}`]: index }, { visibility: 'prompt' }),
  );
  const late = patched('t', startMs - 1, { input_0: 'late' }, { visibility: 'prompt' });

  for (const restart of [false, true]) {
    it(`keeps all fields; what is older than the forgotten stamps becomes a dead letter${restart ? ', also for another instance' : ''}`, async () => {
      const pipeline = startPipeline();
      await pipeline.accept(many);
      await pipeline.tick();
      if (restart) pipeline.start();
      await pipeline.accept([late, many[9] ?? late, patched('t', startMs - 1, { input_700: 'beaten' })]);
      await pipeline.clock.advance(60_000);
      const task = pipeline.task('t');
      assert.equal(task?.['input_0'], 0);
      assert.equal(task?.['input_709'], 709);
      assert.equal(task?.['input_700'], 700);
      const letters = pipeline.objects.json('dead-letters/');
      assert.deepEqual(
        letters.map(({ reason, event }) => [reason, event]),
        restart ? [['too_old', late]] : [],
      );
      await pipeline.accept([patched('t', startMs + 5_000, { input_0: 'new' }, { visibility: 'prompt' })]);
      await pipeline.tick();
      assert.equal(pipeline.task('t')?.['input_0'], 'new');
    });
  }
});
