import assert from 'node:assert/strict';
import { OffsetClock } from '../../local/shared/clock.ts';
import { Faults } from '../../local/shared/faults.ts';
import { typicalLatencies } from '../../local/shared/latencies.ts';

describe('latencies of the services', () => {
  const clock = new OffsetClock();
  const faults = new Faults(clock, () => 0, { tasks: { CreateTask: 20, '*': 15 } });

  it('delay each call before it is worked on, by its method or as the others', () => {
    assert.deepEqual(faults.check('tasks', 'CreateTask', 'before'), { delayMs: 20 });
    assert.deepEqual(faults.check('tasks', 'GetTask', 'before'), { delayMs: 15 });
    assert.equal(faults.check('tasks', 'CreateTask', 'after'), undefined);
    assert.equal(faults.check('firestore', 'Commit', 'before'), undefined);
  });

  it('are no faults: they add up with one, are not counted, and stay when faults are cleared', () => {
    faults.add({ service: 'tasks', code: 14, delayMs: 100, rate: 1, forMs: 1000, phase: 'before' });
    assert.deepEqual(faults.check('tasks', 'CreateTask', 'before'), { delayMs: 120, failure: 14 });
    assert.equal(faults.hits, 1);
    faults.clear();
    assert.deepEqual(faults.check('tasks', 'CreateTask', 'before'), { delayMs: 20 });
    assert.equal(faults.hits, 1);
  });

  it('are typical of the cloud: 20 ms to put a task, 40 for an object, 15 for a commit', () => {
    const typical = new Faults(clock, () => 0, typicalLatencies);
    const delayOf = (service: 'tasks' | 'storage' | 'firestore', method: string) =>
      typical.check(service, method, 'before')?.delayMs;
    assert.equal(delayOf('tasks', 'CreateTask'), 20);
    assert.equal(delayOf('storage', 'POST'), 40);
    assert.equal(delayOf('firestore', 'Commit'), 15);
  });
});
