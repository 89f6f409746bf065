import assert from 'node:assert/strict';
import type { TaskEvent } from '../../functions/src/events/event.ts';
import { startMs } from '../support/clock.ts';
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
    const kill = (): void => {
      const instance = pipeline.start();
      pipeline.tasks.deliver = async (task, dispatch) => {
        let die = (_: Error): void => undefined;
        const death = new Promise<never>((_, reject) => {
          die = reject;
        });
        pipeline.documents.refuse = (path) => {
          if (path === 'tasks/killer') {
            kill();
            die(new Error('The process died.'));
            throw new Error('The process died.');
          }
          return undefined;
        };
        await Promise.race([instance[task.queue](dispatch), death]);
      };
    };
    kill();
    await pipeline.accept([prompt('killer'), prompt('a'), prompt('b')]);
    await pipeline.clock.advance(3 * 3_600_000);
    assert.deepEqual(pipeline.documents.paths(), ['tasks/a', 'tasks/b']);
    assert.deepEqual(reasons(pipeline), ['fails_repeatedly']);
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
