import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { TaskEvent } from '../../functions/src/events/event.ts';
import { maxResponsesPerTask } from '../../functions/src/tasks/limits.ts';
import { reduceTask } from '../../functions/src/tasks/reducer.ts';
import { emptyTask } from '../../functions/src/tasks/state.ts';
import { regrouped, taskEvents } from '../support/arbitraries.ts';
import { startMs } from '../support/clock.ts';
import { created, response } from '../support/events.ts';
import { runs } from '../support/runs.ts';
import { shown, stored, storedAfter, timeoutMs } from '../support/storedTask.ts';

const deadlines = fc.constantFrom('at once' as const, 'last' as const);

function assertSame(all: readonly TaskEvent[], groups: TaskEvent[][], order: 'at once' | 'last'): void {
  const expected = shown('t', storedAfter('t', [all], 'last'));
  assert.deepEqual(shown('t', storedAfter('t', groups, order)), expected);
}

describe('order, repetition and grouping of events', () => {
  it('do not matter, with the document written and read between the groups @slow', () => {
    fc.assert(
      fc.property(
        taskEvents('t').chain((events) => fc.tuple(fc.constant(events), regrouped(events), deadlines)),
        ([events, groups, order]) => assertSame(events, groups, order),
      ),
      runs(1_500),
    );
  });

  it('do not matter past the most responses that a task keeps', () => {
    const many = fc
      .array(fc.tuple(fc.integer({ min: 0, max: 280 }), fc.integer({ min: 0, max: 5_000 })), {
        minLength: 280,
        maxLength: 320,
      })
      .map((answers) => [
        created('t', startMs + 100, { required_miner_count: 256 }),
        ...answers.map(([uid, at], sequence) => response('t', startMs + at, uid, {}, sequence)),
      ]);
    fc.assert(
      fc.property(
        many.chain((events) => fc.tuple(fc.constant(events), regrouped(events), deadlines)),
        ([events, groups, order]) => {
          const large = [groups.slice(0, 20).flat(), groups.slice(20, 40).flat(), groups.slice(40).flat()];
          assertSame(events, large, order);
        },
      ),
      runs(25),
    );
  });

  it('do not matter in memory alone', () => {
    fc.assert(
      fc.property(
        taskEvents('t').chain((events) => fc.tuple(fc.constant(events), regrouped(events))),
        ([events, groups]) => {
          const whole = reduceTask(emptyTask('t'), events, timeoutMs).state;
          const parts = groups.reduce(
            (state, group) => reduceTask(state, group, timeoutMs).state,
            emptyTask('t'),
          );
          assert.deepEqual(parts, whole);
        },
      ),
      runs(300),
    );
  });

  it('do not change what was given', () => {
    const state = reduceTask(emptyTask('t'), [response('t', startMs, 1)], timeoutMs).state;
    const before = structuredClone(state);
    reduceTask(state, [created('t', startMs, { status: 'approved' }), response('t', startMs, 2)], timeoutMs);
    assert.deepEqual(structuredClone(state), before);
  });
});

describe('events that say nothing new', () => {
  it('leave the document untouched', () => {
    fc.assert(
      fc.property(
        taskEvents('t').chain((events) => fc.tuple(fc.constant(events), fc.subarray(events))),
        ([events, again]) => {
          const document = stored('t', undefined, events);
          assert.equal(stored('t', document, again), document);
        },
      ),
      runs(300),
    );
  });
});

describe('a task with more responses than it keeps', () => {
  it('keeps the earliest, and names those it lets go', () => {
    const answers = Array.from({ length: maxResponsesPerTask + 2 }, (_, uid) =>
      response('t', startMs - uid, uid),
    );
    const { state, overflow } = reduceTask(emptyTask('t'), answers, timeoutMs);
    assert.equal(state.responses.size, maxResponsesPerTask);
    assert.deepEqual(overflow, [answers[1], answers[0]]);
  });
});
