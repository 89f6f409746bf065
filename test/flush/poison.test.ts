import assert from 'node:assert/strict';
import type { TaskEvent } from '../../functions/src/events/event.ts';
import { startMs } from '../support/clock.ts';
import { killOn } from '../support/crash.ts';
import { created, patched, response } from '../support/events.ts';
import { operation } from '../support/operations.ts';
import { type Pipeline, startPipeline } from '../support/pipeline.ts';

const prompt = (taskId: string, ms = startMs): TaskEvent =>
  patched(taskId, ms, { priority: 1 }, { visibility: 'prompt' });

function reasons({ objects }: Pipeline): unknown[] {
  return objects.json('dead-letters/').map(({ reason }) => reason);
}

describe('one bad event holds back no other', () => {
  it('where it kills the process each time', async () => {
    const pipeline = startPipeline();
    killOn(pipeline, (path) => path === 'tasks/killer');
    let retries = 0;
    pipeline.tasks.delayMs = () => {
      retries += 1;
      return (retries * 377) % 1_000;
    };
    await pipeline.accept([prompt('killer'), prompt('a'), prompt('b')]);
    await pipeline.clock.advance(3 * 3_600_000);
    assert.deepEqual(pipeline.documents.paths(), ['tasks/a', 'tasks/b']);
    assert.deepEqual(reasons(pipeline), ['fails_repeatedly']);
    assert.equal(pipeline.tasks.queued.size, 0);
  });

  it('where our own code throws on it: the others of its document are written at once', async () => {
    const pipeline = startPipeline();
    const all = Array.from({ length: 200 }, (_, index) => response('t', startMs + index, index));
    pipeline.breaksOn = (event) => event.kind === 'response' && [7, 150].includes(event.response.miner_uid);
    await pipeline.accept([...all, prompt('a')]);
    await pipeline.tick();
    assert.equal(pipeline.task('t')?.['response_count'], 198);
    assert.equal(pipeline.task('a')?.['priority'], 1);
    assert.deepEqual(reasons(pipeline), []);
    pipeline.breaksOn = () => false;
    await pipeline.clock.advance(600_000);
    assert.equal(pipeline.task('t')?.['response_count'], 200, 'another version knows better');
  });

  it('where the client throws on its document: that waits, and is no dead letter', async () => {
    const pipeline = startPipeline();
    let isBroken = true;
    pipeline.documents.refuse = (path) => {
      if (isBroken && path === 'tasks/bad') throw new TypeError('nobody foresaw this');
      return undefined;
    };
    await pipeline.accept(['bad', 'good', 'fine'].map((id) => prompt(id)));
    await pipeline.clock.advance(60_000);
    assert.deepEqual(pipeline.documents.paths(), ['tasks/fine', 'tasks/good']);
    await pipeline.clock.advance(3_600_000);
    assert.deepEqual(reasons(pipeline), []);
    isBroken = false;
    await pipeline.clock.advance(120_000);
    assert.equal(pipeline.task('bad')?.['priority'], 1);
    assert.equal(pipeline.tasks.queued.size, 0);
  });

  it('where its task’s document cannot be read', async () => {
    const pipeline = startPipeline();
    pipeline.documents.set('tasks/broken', { _sluice: Buffer.from('12345678 not JSON') });
    await pipeline.accept([prompt('broken'), prompt('a')]);
    await pipeline.accept([prompt('b')]);
    await pipeline.clock.advance(3 * 3_600_000);
    assert.deepEqual(pipeline.documents.paths(), ['tasks/a', 'tasks/b', 'tasks/broken']);
    assert.deepEqual(reasons(pipeline), ['fails_repeatedly']);
    assert.equal(pipeline.tasks.queued.size, 0);
  });

  it('where that is one of several that are read together, at once', async () => {
    const pipeline = startPipeline();
    for (const path of ['tasks/broken', 'things/broken'])
      pipeline.documents.set(path, { _sluice: Buffer.from('12345678 not JSON') });
    await pipeline.accept([prompt('broken'), prompt('a')]);
    await pipeline.accept([
      operation('things/broken', startMs, 'set', {}, { visibility: 'prompt' }),
      operation('things/a', startMs, 'set', {}, { visibility: 'prompt' }),
    ]);
    await pipeline.tick();
    assert.equal(pipeline.task('a')?.['priority'], 1);
    assert.notEqual(pipeline.documents.fields('things/a'), undefined);
  });

  it('where a line is none, between good ones', async () => {
    const pipeline = startPipeline();
    await pipeline.accept([
      prompt('a'),
      { ...response('b', startMs, 1), stamp: 'yesterday' },
      response('__reserved__', startMs, 1),
      prompt('b'),
    ]);
    await pipeline.tick();
    assert.deepEqual(pipeline.documents.paths(), ['tasks/a', 'tasks/b']);
    assert.deepEqual(reasons(pipeline), ['unreadable', 'unreadable']);
    assert.equal(pipeline.tasks.queued.size, 0);
  });

  it('where thousands of lines are none: as many at a time as there is time for', async () => {
    const pipeline = startPipeline();
    const bad = (index: number) => ({ ...response('b', startMs, index), stamp: `yesterday ${index}` });
    await pipeline.accept([...Array.from({ length: 5_000 }, (_, index) => bad(index)), prompt('a')]);
    await pipeline.tick();
    assert.deepEqual(pipeline.documents.paths(), ['tasks/a']);
    assert.equal(reasons(pipeline).length, 2_000);
    await pipeline.clock.advance(30 * 60_000);
    assert.equal(reasons(pipeline).length, 5_000);
    assert.equal(pipeline.tasks.queued.size, 0);
  });

  it('where Firestore refuses the creation: its responses are kept, in a document of their own', async () => {
    const pipeline = startPipeline();
    pipeline.documents.refuse = (_, fields) => (fields['task_type'] === 'bad' ? 'a bad value' : undefined);
    await pipeline.accept([
      created('t', startMs, { task_type: 'bad' }),
      ...[1, 2, 3].map((uid) => response('t', startMs + uid, uid)),
    ]);
    await pipeline.tick();
    assert.equal(pipeline.task('t')?.['response_count'], 3);
    assert.deepEqual(reasons(pipeline), ['refused_by_firestore']);
    assert.deepEqual(pipeline.tasks.in('expire'), []);
  });

  it('where somebody else writes its document all the time', async () => {
    const pipeline = startPipeline();
    await pipeline.accept([prompt('a'), prompt('busy')]);
    await pipeline.tick();
    let times = 8;
    const interfere = (): void => {
      times -= 1;
      pipeline.documents.set('tasks/busy', { ...pipeline.documents.fields('tasks/busy'), seen: times });
      if (times > 0) pipeline.documents.beforeCommit = interfere;
    };
    pipeline.documents.beforeCommit = interfere;
    const nowMs = pipeline.clock.now();
    for (const id of ['a', 'busy']) {
      await pipeline.accept([patched(id, nowMs, { priority: 2 }, { visibility: 'prompt' })]);
    }
    await pipeline.tick();
    assert.equal(pipeline.task('a')?.['priority'], 2);
    await pipeline.clock.advance(60_000);
    assert.equal(pipeline.task('busy')?.['priority'], 2);
    assert.equal(pipeline.documents.fields('tasks/busy')?.['seen'], 0);
    assert.deepEqual(reasons(pipeline), []);
    assert.equal(pipeline.tasks.queued.size, 0);
  });
});
