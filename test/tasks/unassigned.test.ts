import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { ResponseReceived, TaskEvent } from '../../functions/src/events/event.ts';
import { deadlineStamp } from '../../functions/src/events/stamp.ts';
import { maxNamedMiners, maxResponsesPerTask } from '../../functions/src/tasks/limits.ts';
import { decodeMeta, encodeMeta } from '../../functions/src/tasks/meta.ts';
import { openTaskOf } from '../../functions/src/tasks/minerTasks.ts';
import { reduceTask } from '../../functions/src/tasks/reducer.ts';
import { emptyTask, type TaskState } from '../../functions/src/tasks/state.ts';
import { regrouped } from '../support/arbitraries.ts';
import { startMs } from '../support/clock.ts';
import { created, patched, response } from '../support/events.ts';
import { runs } from '../support/runs.ts';
import { shown, shownAfter, stored, storedAfter, timeoutMs } from '../support/storedTask.ts';

/** An answer that a key of role miner sent. */
function ownAnswer(uid: number, atMs: number, accuracy = 0.5, sequence = uid): ResponseReceived {
  return { ...response('t', startMs + atMs, uid, { accuracy_score: accuracy }, sequence), minerKey: 'm' };
}

const naming = (assigned_miners: number[], required_miner_count = 2) =>
  created('t', startMs, { task_type: 'test', assigned_miners, required_miner_count });

function answersIn(task: object): Record<string, { counted?: boolean; accuracy_score: number }> {
  return 'miner_responses' in task ? (task.miner_responses as never) : {};
}

describe('a task that proxies alone answer', () => {
  it('is stored as code that knows no keys stores it', () => {
    const document = stored('t', undefined, [naming([1], 1), response('t', startMs + 1, 1)]) ?? {};
    const text = Buffer.from((document['_sluice'] as Uint8Array).subarray(8)).toString();
    assert.equal(JSON.parse(text).v, 1);
    assert.equal('superseded_responses' in document, false);
  });
});

describe('an answer of a miner that its task does not name', () => {
  it('is kept, says that it does not count, and changes nothing else', () => {
    const task = shownAfter(naming([1, 2]), ownAnswer(1, 10), ownAnswer(8, 1, 1), ownAnswer(9, 2, 1));
    assert.deepEqual(
      Object.entries(answersIn(task)).map(([uid, { counted }]) => [uid, counted]),
      [
        ['1', undefined],
        ['8', false],
        ['9', false],
      ],
    );
    assert.equal(task['status'], 'in_progress');
    assert.equal(task['response_count'], 1);
    assert.deepEqual(task['best_response'], { miner_uid: 1, score: 0.5 });
    assert.equal(task['first_response_at'], new Date(startMs + 10).toISOString());
    assert.equal(task['completed_at'], null);
  });

  it('does not save the task at its deadline', () => {
    const events = [naming([1, 2]), ownAnswer(8, 1), ownAnswer(9, 2)];
    assert.equal(shown('t', storedAfter('t', [events], 'last'))?.['status'], 'failed');
  });

  it('does not make it look answered to the miner that is named later', () => {
    const events = [naming([1, 2]), ownAnswer(8, 1)];
    const answered = (more: TaskEvent[]): number[] => [
      ...(openTaskOf('t', stored('t', undefined, [...events, ...more]) ?? {})?.answered ?? []),
    ];
    assert.deepEqual(answered([]), []);
    assert.deepEqual(answered([patched('t', startMs + 20, { assigned_miners: [8] })]), [8]);
  });

  it('is told from answers that another system keeps as a list', () => {
    const miner_responses = [{ miner_uid: 4 }, { miner_uid: 5 }, 'none'];
    assert.deepEqual([...(openTaskOf('t', { status: 'pending', miner_responses })?.answered ?? [])], [4, 5]);
  });

  it('counts where the task names nobody, from proxies, and where the operator has it count', () => {
    for (const event of [
      response('t', startMs + 1, 8),
      { ...ownAnswer(8, 1), countsUnassigned: true as const },
    ]) {
      assert.equal(shownAfter(naming([1]), event)['response_count'], 1);
    }
    assert.equal(shownAfter(naming([]), ownAnswer(8, 1))['response_count'], 1);
    assert.equal(shownAfter(created('t', startMs), ownAnswer(8, 1))['response_count'], 1);
  });

  it('counts once a later list names it, from when it came; what that list leaves out counts no more', () => {
    const events = [naming([1, 2]), ownAnswer(1, 10), ownAnswer(2, 20), ownAnswer(8, 1, 0.9)];
    assert.equal(shownAfter(...events)['status'], 'completed');
    const reopened = shownAfter(...events, patched('t', startMs + 30, { assigned_miners: [1, 3] }));
    assert.equal(reopened['status'], 'in_progress');
    assert.equal(reopened['completed_at'], null);
    const promoted = shownAfter(...events, patched('t', startMs + 30, { assigned_miners: [1, 8] }));
    assert.equal(promoted['completed_at'], new Date(startMs + 10).toISOString());
    assert.deepEqual(promoted['best_response'], { miner_uid: 8, score: 0.9 });
  });

  it('meets its deadline although the task was complete when that passed', () => {
    const deadline = { kind: 'deadline' as const, taskId: 't', stamp: deadlineStamp(startMs + timeoutMs) };
    const complete = [naming([1, 2]), ownAnswer(1, 10), ownAnswer(2, 20), deadline];
    const reassigned = [patched('t', startMs + timeoutMs + 5, { assigned_miners: [3] })];
    const task = shown('t', storedAfter('t', [complete, reassigned], 'at once'));
    assert.equal(task?.['status'], 'failed');
  });
});

describe('what a proxy and a key of the miner sent for the same miner', () => {
  const byKey = ownAnswer(1, 10, 0.1);
  const byProxy = response('t', startMs + 20, 1, { accuracy_score: 0.7 });

  it('shows the proxy’s, answered when the first that counts came; the other stays in the document', () => {
    for (const order of [
      [byKey, byProxy],
      [byProxy, byKey],
    ]) {
      const document = order.reduce<ReturnType<typeof stored>>(
        (before, event) => stored('t', before, [event]),
        stored('t', undefined, [naming([1], 1)]),
      );
      const task = shown('t', document) ?? {};
      assert.equal(answersIn(task)['1']?.accuracy_score, 0.7);
      assert.equal(task['completed_at'], new Date(startMs + 10).toISOString());
      assert.equal(task['response_count'], 1);
      assert.deepEqual(Object.keys(document?.['superseded_responses'] ?? {}), ['1']);
    }
  });

  it('both stay where code that knows no keys wrote the document meanwhile', () => {
    const both = stored('t', undefined, [naming([1], 1), byKey, byProxy]) ?? {};
    const { ifNamed: _, ...firstMeta } = decodeMeta(both['_sluice']) ?? {
      statuses: {},
      fields: {},
      responses: {},
    };
    const before = { ...both, _sluice: encodeMeta(firstMeta) };
    const after = stored('t', before, [patched('t', startMs + 50, { priority: 1 })]);
    assert.equal(answersIn(shown('t', after) ?? {})['1']?.accuracy_score, 0.7);
    assert.deepEqual(after?.['superseded_responses'], both['superseded_responses']);
  });

  it('counts from when the first that counts came, also among others', () => {
    const task = shownAfter(naming([2], 1), byKey, response('t', startMs + 90, 1), ownAnswer(2, 50));
    assert.equal(task['completed_at'], new Date(startMs + 50).toISOString());
    assert.equal(task['first_response_at'], task['completed_at']);
  });

  it('is answered by the proxy alone where the key’s does not count', () => {
    const task = shownAfter(naming([2], 1), byKey, byProxy);
    assert.equal(task['completed_at'], new Date(startMs + 20).toISOString());
  });
});

describe('the places for answers', () => {
  const stranger = (uid: number): ResponseReceived => ownAnswer(uid + 1_000, 1, 0.5, uid);

  it('of those that were named and of proxies cannot be taken by others', () => {
    const strangers = Array.from({ length: maxResponsesPerTask + 3 }, (_, uid) => stranger(uid));
    const own = [ownAnswer(1, 50), ownAnswer(2, 60), response('t', startMs + 70, 3)];
    const { state, overflow } = reduceTask(emptyTask('t'), [naming([1, 2]), ...strangers, ...own], timeoutMs);
    assert.equal(state.responses.size, maxResponsesPerTask + own.length);
    assert.deepEqual(overflow, strangers.slice(-3));
  });

  /** Answers of keys, named or not, and of proxies, with a stamp of their own each. */
  const answers = (uids: number, count: number): fc.Arbitrary<ResponseReceived[]> =>
    fc
      .array(fc.tuple(fc.integer({ min: 0, max: uids }), fc.integer({ min: 0, max: 5_000 }), fc.boolean()), {
        minLength: count,
        maxLength: count,
      })
      .map((each) =>
        each.map(([uid, at, isProxys], sequence) =>
          isProxys ? response('t', startMs + at, uid, {}, sequence) : ownAnswer(uid, at, 0.5, sequence),
        ),
      );
  const inThree = <Item>(groups: Item[][]): Item[][] => [
    groups.slice(0, 40).flat(),
    groups.slice(40, 120).flat(),
    groups.slice(120).flat(),
  ];

  it('go to the same ones in any order, with the lists of miners among them', () => {
    const lists = [
      [0, 400],
      [200, 520],
    ].map(([from = 0, to = 0], index) =>
      patched('t', startMs + index, {
        assigned_miners: Array.from({ length: to - from }, (_, uid) => from + uid),
      }),
    );
    fc.assert(
      fc.property(
        answers(600, 700)
          .map((each): TaskEvent[] => [created('t', startMs), ...lists, ...each])
          .chain((events) => fc.tuple(fc.constant(events), regrouped(events))),
        ([events, groups]) => {
          const expected = shown('t', storedAfter('t', [events], 'last'));
          assert.deepEqual(shown('t', storedAfter('t', inThree(groups), 'last')), expected);
        },
      ),
      runs(10),
    );
  });

  it('of strangers go to the earliest once the miners are named; no answer is lost before that', () => {
    fc.assert(
      fc.property(
        answers(900, 700).chain((each) => fc.tuple(fc.constant(each), regrouped(each))),
        fc.boolean(),
        ([each, groups], isNamedFirst) => {
          const list = patched('t', startMs, { assigned_miners: [...Array(100).keys()] });
          const parts = inThree<TaskEvent>(groups);
          parts.splice(isNamedFirst ? 0 : 1, 0, [list]);
          const { state, lost } = reduceAll(parts);
          const whole = reduceAll([[list, ...each]]);
          if (isNamedFirst) assert.deepEqual(state, whole.state);
          const kept = new Set([...state.responses.values()].map(({ stamp }) => stamp));
          for (const { stamp } of earliestOfEach(each)) assert(kept.has(stamp) || lost.has(stamp));
        },
      ),
      runs(10),
    );
  });

  function reduceAll(parts: TaskEvent[][]): { state: TaskState; lost: Set<string> } {
    let state = emptyTask('t');
    const lost = new Set<string>();
    for (const part of parts) {
      const reduced = reduceTask(state, part, timeoutMs);
      state = reduced.state;
      for (const { stamp } of reduced.overflow) lost.add(stamp);
    }
    return { state, lost };
  }

  function earliestOfEach(each: readonly ResponseReceived[]): ResponseReceived[] {
    const earliest = new Map<string, ResponseReceived>();
    for (const event of each.toSorted((a, b) => (a.stamp < b.stamp ? 1 : -1)))
      earliest.set(`${event.minerKey} ${event.response.miner_uid}`, event);
    return [...earliest.values()];
  }
});

describe('the miners that a task ever named', () => {
  it('are remembered up to a bound, the same ones in any order', () => {
    const lists = Array.from({ length: 4 }, (_, index) =>
      patched('t', startMs + index, {
        assigned_miners: Array.from({ length: 1_000 }, (_, uid) => uid * 4 + index),
      }),
    );
    fc.assert(
      fc.property(regrouped(lists), (groups) => {
        let document = stored('t', undefined, [created('t', startMs)]);
        for (const group of groups) document = stored('t', document, group);
        assert.deepEqual(document, stored('t', undefined, [created('t', startMs), ...lists]));
      }),
      runs(20),
    );
    const { state } = reduceTask(emptyTask('t'), lists, timeoutMs);
    assert.equal(state.named.size, maxNamedMiners);
    assert.equal(Math.max(...state.named), maxNamedMiners - 1);
  });
});

describe('an answer that counts whoever is asked', () => {
  it('gives way to no earlier one that does not, in any order', () => {
    const sure = { ...ownAnswer(8, 30, 0.3), countsUnassigned: true as const };
    const unsure = ownAnswer(8, 20, 0.2, 9);
    const proxys = response('t', startMs + 40, 8, { accuracy_score: 0.4 });
    fc.assert(
      fc.property(regrouped<TaskEvent>([naming([1], 1), sure, unsure, proxys]), (groups) => {
        const document = groups.reduce<ReturnType<typeof stored>>(
          (before, group) => stored('t', before, group),
          undefined,
        );
        const task = shown('t', document) ?? {};
        assert.equal(task['completed_at'], new Date(startMs + 30).toISOString());
        assert.equal(answersIn(task)['8']?.accuracy_score, 0.3);
      }),
      runs(50),
    );
  });
});
