import assert from 'node:assert/strict';
import type { TaskEvent } from '../../functions/src/events/event.ts';
import { deadlineStamp, earliestStamp, stampCeiling } from '../../functions/src/events/stamp.ts';
import { readiness } from '../../functions/src/flush/readiness.ts';
import { taskReadiness } from '../../functions/src/tasks/readiness.ts';
import { reduceTask } from '../../functions/src/tasks/reducer.ts';
import { emptyTask, type TaskState } from '../../functions/src/tasks/state.ts';
import { startMs } from '../support/clock.ts';
import { created, patched, response } from '../support/events.ts';
import { defaultRules } from '../support/pipeline.ts';

interface Given {
  known?: TaskEvent[];
  nowMs?: number;
  flushBefore?: string;
  isForced?: boolean;
}

function ready(
  events: TaskEvent[],
  { known, nowMs = startMs, flushBefore = earliestStamp, isForced = false }: Given = {},
) {
  const state = known && reduceTask(emptyTask('t'), known, defaultRules.taskTimeoutMs).state;
  const group = { path: 'tasks/t', events, isForced };
  const moment = { nowMs, isParked: false, flushBefore, lastKnown: () => state };
  return readiness(taskReadiness(defaultRules), [group], [], moment).ready.length === 1;
}

const answers = (...uids: number[]): TaskEvent[] => uids.map((uid) => response('t', startMs, uid));
const requiring = (count: number): TaskEvent => created('t', startMs, { required_miner_count: count });

describe('a task is ready', () => {
  it('with three responses of miners not seen before', () => {
    assert.equal(ready(answers(1, 2)), false);
    assert.equal(ready(answers(1, 2, 3)), true);
    assert.equal(ready(answers(4), { known: [requiring(9), ...answers(1, 2, 3)] }), false);
    assert.equal(ready(answers(1, 2, 3, 4), { known: [requiring(9), ...answers(1, 2, 3)] }), false);
    assert.equal(ready(answers(4, 5, 6), { known: [requiring(9), ...answers(1, 2, 3)] }), true);
  });

  it('when they complete it, by its creation in hand or as it was written before', () => {
    assert.equal(ready([requiring(1), ...answers(1)]), true);
    assert.equal(ready([requiring(2), ...answers(1)]), false);
    assert.equal(ready(answers(2), { known: [requiring(2), ...answers(1)] }), true);
    assert.equal(ready(answers(3), { known: [requiring(2), ...answers(1, 2)] }), false, 'it was complete');
    assert.equal(ready([requiring(2)], { known: answers(1, 2) }), false, 'no response came');
  });

  it('once an event waited as long as its kind may', () => {
    const cases: [TaskEvent, number][] = [
      [response('t', startMs, 1), 60_000],
      [created('t', startMs), 30_000],
      [patched('t', startMs, { priority: 1 }), 30_000],
      [patched('t', startMs, { priority: 1 }, { visibility: 'deferred' }), 60_000],
      [patched('t', startMs, { priority: 1 }, { visibility: 'prompt' }), 0],
      [{ kind: 'deadline', taskId: 't', stamp: deadlineStamp(startMs) }, 0],
    ];
    for (const [event, waitMs] of cases) {
      assert.equal(ready([event], { nowMs: startMs + waitMs - 1 }), false, `${event.kind} early`);
      assert.equal(ready([event], { nowMs: startMs + waitMs }), true, event.kind);
    }
  });

  it('when a flush was asked for after one of its events', () => {
    assert.equal(ready(answers(1), { flushBefore: stampCeiling(startMs) }), true);
    assert.equal(ready(answers(1), { flushBefore: stampCeiling(startMs - 1) }), false);
  });

  it('when its carrier came before its time', () => {
    assert.equal(ready(answers(1), { isForced: true }), true);
  });
});

describe('events that were reduced to see whether they are ready', () => {
  /** Events that count how often they were gone through one by one, as the reducer does once. */
  function counted(...events: TaskEvent[]) {
    const seen = { reductions: 0 };
    const list = [...events];
    list[Symbol.iterator] = () => {
      seen.reductions += 1;
      return Array.prototype[Symbol.iterator].call(list);
    };
    return { events: list, seen };
  }

  const adopted: TaskState = { ...emptyTask('t'), isAdopted: true };

  for (const [name, before, reductions] of [
    ['are not reduced again on the same state', emptyTask('t'), 1],
    ['are reduced anew where there is a document after all', adopted, 2],
  ] as const) {
    it(name, () => {
      const { hasEnough, reduced } = taskReadiness(defaultRules);
      const { events, seen } = counted(...answers(1, 2, 3));
      const group = { path: 'tasks/t', events, isForced: false };
      assert.equal(hasEnough(group, undefined), true);
      const { state } = reduced(before, events);
      assert.equal(seen.reductions, reductions);
      assert.equal(state.responses.size, 3);
      assert.equal(state.isAdopted, before.isAdopted);
    });
  }
});
