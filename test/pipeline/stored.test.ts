import assert from 'node:assert/strict';
import { startMs } from '../support/clock.ts';
import { created, response } from '../support/events.ts';
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
