import assert from 'node:assert/strict';
import type { TaskEvent } from '../../functions/src/events/event.ts';
import { maxLettersTogether, maxPlansApart } from '../../functions/src/flush/limits.ts';
import { startMs } from '../support/clock.ts';
import { killOn } from '../support/crash.ts';
import { patched, response } from '../support/events.ts';
import { type Pipeline, startPipeline } from '../support/pipeline.ts';

const minuteMs = 60_000;

const prompt = (taskId: string): TaskEvent =>
  patched(taskId, startMs, { priority: 1 }, { visibility: 'prompt' });

const many = (count: number): TaskEvent[] => Array.from({ length: count }, (_, index) => prompt(`t${index}`));

function letters({ objects }: Pipeline): unknown[] {
  return objects.json('dead-letters/').map(({ reason, event }) => [reason, Object(event).taskId]);
}

/** Each call to Cloud Tasks takes this long from now on. */
function slowTasks(pipeline: Pipeline, ms: number): void {
  const connect = pipeline.tasks.connect.bind(pipeline.tasks);
  pipeline.tasks.connect = (queue, decide) => {
    const real = connect(queue, decide);
    return {
      put: async (data, dueMs) => {
        await new Promise<void>((resolve) => pipeline.clock.setTimeout(resolve, ms));
        await real.put(data, dueMs);
      },
    };
  };
}

describe('attempts that never reach the code', () => {
  for (const failure of ['403 no invoker', '404 no function', '429', '503 it crashes at its start']) {
    it(`count for nothing, however long: ${failure}`, async () => {
      const pipeline = startPipeline();
      pipeline.tasks.deliver = () => Promise.reject(new Error(failure));
      for (let carrier = 0; carrier < 50; carrier += 1) await pipeline.accept([prompt(`single${carrier}`)]);
      await pipeline.accept(many(500));
      await pipeline.clock.advance(45 * minuteMs);
      pipeline.start();
      await pipeline.clock.advance(2 * minuteMs);
      assert.deepEqual(letters(pipeline), []);
      assert.equal(pipeline.documents.paths().length, 550);
      assert.equal(pipeline.tasks.put.length, 51, 'nothing is split');
      assert.deepEqual(pipeline.objects.names(), [], 'no mark is left');
    });
  }

  it('nor do those that another outage ends, of Firestore or Cloud Storage @slow', async () => {
    const pipeline = startPipeline();
    const data = Array.from({ length: 40_000 }, (_, number) => (number * 7_919) % 65_521);
    await pipeline.accept([response('large', startMs, 1, { response_data: data }), ...many(20)]);
    let calls = 0;
    let isOver = false;
    pipeline.decide = (operation) => {
      calls += 1;
      const isDown =
        operation.startsWith('objects.') &&
        (pipeline.clock.now() < startMs + 35 * minuteMs || calls % 2 === 0);
      return !isOver && (isDown || operation === 'documents.commit') ? 'failed' : 'done';
    };
    pipeline.start();
    await pipeline.clock.advance(75 * minuteMs);
    isOver = true;
    await pipeline.clock.advance(2 * minuteMs);
    assert.deepEqual(letters(pipeline), []);
    assert.equal(pipeline.documents.paths().length, 21);
  });
});

describe('a carrier with an event that our code broke on', () => {
  it('is written after an outage of everything but the marks, however many instances tried meanwhile', async () => {
    const pipeline = startPipeline();
    pipeline.breaksOn = () => true;
    await pipeline.accept([prompt('t')]);
    await pipeline.tick();
    pipeline.breaksOn = () => false;
    let isOver = false;
    pipeline.decide = (operation) => {
      const isSpool = operation.startsWith('objects.put spool/');
      return isOver || (operation.startsWith('objects.') && !isSpool) ? 'done' : 'failed';
    };
    for (let instance = 0; instance < 40; instance += 1) {
      pipeline.start();
      await pipeline.clock.advance(5 * minuteMs);
    }
    isOver = true;
    await pipeline.clock.advance(60 * minuteMs);
    assert.deepEqual(letters(pipeline), []);
    assert.ok(pipeline.task('t'));
  });
});

describe('an event that kills the process each time', () => {
  it('is found by halves and given up; the others are written within minutes @slow', async () => {
    const pipeline = startPipeline();
    const events = many(3_000);
    await pipeline.accept(events);
    slowTasks(pipeline, 20);
    const seen = killOn(pipeline, (what) => what === 'tasks/t1234');
    await pipeline.clock.advance(4 * minuteMs);
    assert.equal(pipeline.documents.paths().length, events.length - 1);
    await pipeline.clock.advance(26 * minuteMs);
    assert.deepEqual(letters(pipeline), [['fails_repeatedly', 't1234']]);
    assert.equal(pipeline.tasks.queued.size, 0);
    assert.ok(pipeline.tasks.put.length <= 1 + 2 * 12, `${pipeline.tasks.put.length} carriers`);
    assert.ok(seen.deaths <= 30, `${seen.deaths} deaths`);
    assert.deepEqual(pipeline.objects.names('bodies/attempts/'), []);
  });

  it('takes no carrier with it that was under way beside it', async () => {
    const pipeline = startPipeline();
    killOn(pipeline, (what) => what === 'tasks/killer');
    await pipeline.accept([prompt('killer')]);
    for (let carrier = 0; carrier < 40; carrier += 1)
      await pipeline.accept([prompt(`t${carrier}`), prompt('x')]);
    await pipeline.clock.advance(30 * minuteMs);
    assert.equal(pipeline.documents.paths().length, 41);
    assert.deepEqual(letters(pipeline), [['fails_repeatedly', 'killer']]);
    assert.equal(pipeline.tasks.queued.size, 0);
  });

  it('is given up with its carrier where that cannot even be opened', async () => {
    const pipeline = startPipeline();
    const data = Array.from({ length: 40_000 }, (_, number) => (number * 7_919) % 65_521);
    await pipeline.accept([response('t', startMs, 1, { response_data: data }), prompt('a')]);
    const [object] = pipeline.objects.names('bodies/carriers/');
    killOn(pipeline, (what) => what === `objects.get ${object}`);
    await pipeline.accept([prompt('b')]);
    await pipeline.clock.advance(60 * minuteMs);
    const [letter] = pipeline.objects.json('dead-letters/');
    assert.equal(Object(letter?.['carrier']).object, object);
    assert.ok(pipeline.task('b'));
    assert.equal(pipeline.tasks.queued.size, 0);
  });
});

describe('an event that our own code breaks on', () => {
  it('is tried for half an hour, apart from the others, and then given up', async () => {
    const pipeline = startPipeline();
    pipeline.breaksOn = ({ stamp }) => stamp === bad.stamp;
    const bad = response('t', startMs + 5, 5);
    await pipeline.accept([...[1, 2, 3].map((uid) => response('t', startMs + uid, uid)), bad, ...many(100)]);
    await pipeline.tick();
    assert.equal(pipeline.documents.paths().length, 101);
    assert.equal(pipeline.tasks.queued.size, 1);
    await pipeline.clock.advance(25 * minuteMs);
    assert.deepEqual(letters(pipeline), []);
    await pipeline.clock.advance(10 * minuteMs);
    assert.deepEqual(letters(pipeline), [['fails_repeatedly', 't']]);
    assert.equal(pipeline.tasks.queued.size, 0);
    assert.ok(pipeline.tasks.put.length <= 7, `${pipeline.tasks.put.length} carriers`);
  });

  it('is not lost where more are given up than become dead letters together', async () => {
    const pipeline = startPipeline();
    pipeline.breaksOn = () => true;
    await pipeline.accept(many(maxLettersTogether + 200));
    await pipeline.clock.advance(120 * minuteMs);
    assert.equal(letters(pipeline).length, maxLettersTogether + 200);
    assert.equal(pipeline.tasks.queued.size, 0);
  });

  it('is not lost where one document has more than are told apart in a flush', async () => {
    const pipeline = startPipeline();
    pipeline.breaksOn = () => true;
    const count = maxPlansApart + 500;
    await pipeline.accept(
      Array.from({ length: count }, (_, index) => patched('t', startMs + index, { priority: 1 })),
    );
    await pipeline.clock.advance(300 * minuteMs);
    assert.equal(letters(pipeline).length, count);
    assert.equal(pipeline.tasks.queued.size, 0);
  });

  it('is written once another version knows better, also where it breaks on all', async () => {
    const pipeline = startPipeline();
    pipeline.breaksOn = () => true;
    for (let carrier = 0; carrier < 20; carrier += 1) await pipeline.accept(many(40));
    await pipeline.clock.advance(20 * minuteMs);
    assert.ok(pipeline.tasks.put.length < 20 + 10, `${pipeline.tasks.put.length} carriers`);
    pipeline.breaksOn = () => false;
    await pipeline.clock.advance(20 * minuteMs);
    assert.equal(pipeline.documents.paths().length, 40);
    assert.deepEqual(letters(pipeline), []);
  });

  it('is found also where that is before anything is planned', async () => {
    const pipeline = startPipeline();
    pipeline.breaksEarly = (path) => path === 'tasks/t3';
    pipeline.breaksOn = ({ kind }) => kind === 'response';
    await pipeline.accept([...many(5), response('t3', startMs, 1)]);
    await pipeline.tick();
    assert.deepEqual(pipeline.documents.paths(), [
      'tasks/t0',
      'tasks/t1',
      'tasks/t2',
      'tasks/t3',
      'tasks/t4',
    ]);
  });

  it('is found where many of one document are bad', async () => {
    const pipeline = startPipeline();
    const all = Array.from({ length: 250 }, (_, index) => response('t', startMs + index, index));
    pipeline.breaksOn = (event) => event.kind === 'response' && event.response.miner_uid % 2 === 0;
    await pipeline.accept(all);
    await pipeline.clock.advance(20_000);
    assert.equal(pipeline.task('t')?.['response_count'], 125);
  });
});
