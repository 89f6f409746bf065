import assert from 'node:assert/strict';
import type { TaskEvent } from '../../functions/src/events/event.ts';
import { deadlineStamp } from '../../functions/src/events/stamp.ts';
import type { JsonObject } from '../../functions/src/platform/json.ts';
import { startMs } from '../support/clock.ts';
import { created, patched, response } from '../support/events.ts';
import { shownAfter, timeoutMs } from '../support/storedTask.ts';

const deadlineMs = startMs + timeoutMs;
const iso = (ms: number): string => new Date(ms).toISOString();
const creation = created('t', startMs, { task_type: 'test', required_miner_count: 3, min_miner_count: 2 });
const answer = (uid: number, ms = startMs + uid): TaskEvent => response('t', ms, uid);
const set = (status: string, ms: number): TaskEvent => patched('t', ms, { status });
const deadline = (ofCreationAt = startMs): TaskEvent => ({
  kind: 'deadline',
  taskId: 't',
  stamp: deadlineStamp(ofCreationAt + timeoutMs),
});

interface Expected {
  status: string;
  completed_at?: string | null;
  completion_reason?: string | null;
}

function assertOutcome(events: TaskEvent[], expected: Expected): void {
  for (const order of [events, events.toReversed()]) {
    const shown: JsonObject = shownAfter(...order);
    const { status, completed_at = null, completion_reason = null } = expected;
    assert.deepEqual(
      { status: shown['status'], at: shown['completed_at'], reason: shown['completion_reason'] },
      { status, at: completed_at, reason: completion_reason },
    );
  }
}

describe("a task's status, computed", () => {
  const cases: Record<string, [TaskEvent[], Expected]> = {
    'is pending without a response': [[creation], { status: 'pending' }],
    'is in progress with too few responses': [[creation, answer(1), answer(2)], { status: 'in_progress' }],
    'is in progress without a creation, however many responded': [
      [1, 2, 3, 4].map((uid) => answer(uid)),
      { status: 'in_progress' },
    ],
    'is pending without a creation and responses': [
      [patched('t', startMs, { priority: 1 })],
      { status: 'pending' },
    ],
    'is completed by the required response': [
      [creation, answer(1), answer(2), answer(7), answer(9)],
      { status: 'completed', completed_at: iso(startMs + 7), completion_reason: 'responses' },
    ],
    'counts a miner once': [
      [creation, answer(1), answer(1, startMs + 50), answer(1, startMs + 60), answer(2)],
      { status: 'in_progress' },
    ],
    'counts responses accepted before the creation': [
      [creation, answer(1, startMs - 30), answer(2, startMs - 20), answer(3, startMs - 10)],
      { status: 'completed', completed_at: iso(startMs - 10), completion_reason: 'responses' },
    ],
    'requires three responses, of which one is enough at the deadline, where the creation does not say': [
      [created('t', startMs), answer(1), answer(2), deadline()],
      { status: 'completed', completed_at: iso(deadlineMs), completion_reason: 'timeout' },
    ],
    'is completed at the deadline with the least count': [
      [creation, answer(1), answer(2), deadline()],
      { status: 'completed', completed_at: iso(deadlineMs), completion_reason: 'timeout' },
    ],
    'is failed at the deadline with fewer': [[creation, answer(1), deadline()], { status: 'failed' }],
    'stays open while the deadline is not known to have passed, even if a response is later': [
      [creation, answer(1), answer(2), answer(3, deadlineMs + 5)],
      { status: 'in_progress' },
    ],
    'does not count a response at the deadline or later': [
      [creation, answer(1), answer(2, deadlineMs), answer(3, deadlineMs + 1), deadline()],
      { status: 'failed' },
    ],
    'counts a response just before the deadline that is delivered after it': [
      [creation, answer(1), deadline(), answer(2, deadlineMs - 1)],
      { status: 'completed', completed_at: iso(deadlineMs), completion_reason: 'timeout' },
    ],
    'is completed by responses where they complete it before a deadline that came first': [
      [creation, answer(1), deadline(), answer(2), answer(3, deadlineMs - 1)],
      { status: 'completed', completed_at: iso(deadlineMs - 1), completion_reason: 'responses' },
    ],
    'does not end at a deadline of another creation that is earlier than its own': [
      [creation, answer(1), deadline(startMs - 1)],
      { status: 'in_progress' },
    ],
    'does not fail by a deadline without a creation': [[answer(1), deadline()], { status: 'in_progress' }],
  };
  for (const [what, [events, expected]] of Object.entries(cases)) {
    it(what, () => assertOutcome(events, expected));
  }
});

describe('a task with several creations', () => {
  it('has the counts of the earliest, whichever is delivered first', () => {
    const earlier = created('t', startMs - 10, { task_type: 'test', required_miner_count: 2 });
    assertOutcome([creation, answer(1), answer(2), earlier], {
      status: 'completed',
      completed_at: iso(startMs + 2),
      completion_reason: 'responses',
    });
  });

  it('has the deadline of the earliest', () => {
    const earlier = created('t', startMs - 1_000, { task_type: 'test', min_miner_count: 1 });
    assertOutcome([creation, answer(1), earlier, deadline(startMs - 1_000)], {
      status: 'completed',
      completed_at: iso(deadlineMs - 1_000),
      completion_reason: 'timeout',
    });
  });

  it('opens again when an earlier one requires more', () => {
    const earlier = created('t', startMs - 10, { task_type: 'test', required_miner_count: 4 });
    assertOutcome([creation, answer(1), answer(2), answer(3), earlier], { status: 'in_progress' });
  });
});

describe("a task's status, set by requests", () => {
  const complete = [creation, answer(1), answer(2), answer(3)];
  const byResponses = { completed_at: iso(startMs + 3), completion_reason: 'responses' };
  const cases: Record<string, [TaskEvent[], Expected]> = {
    'is taken where it is higher': [[creation, set('assigned', startMs + 1)], { status: 'assigned' }],
    'is the highest of several, not the latest': [
      [creation, set('in_progress', startMs + 1), set('assigned', startMs + 2)],
      { status: 'in_progress' },
    ],
    'does not pull a computed one down': [
      [...complete, set('assigned', startMs + 9)],
      { status: 'completed', ...byResponses },
    ],
    'completes by itself': [
      [creation, set('completed', startMs + 9), set('completed', startMs + 5)],
      { status: 'completed', completed_at: iso(startMs + 5), completion_reason: 'explicit' },
    ],
    'gives way to the responses in when and why it was completed': [
      [...complete, set('completed', startMs + 1)],
      { status: 'completed', ...byResponses },
    ],
    'is below the computed failed, if open': [
      [creation, set('in_progress', startMs + 1), deadline()],
      { status: 'failed' },
    ],
    'is above the computed failed, if completed': [
      [creation, set('completed', startMs + 1), deadline()],
      { status: 'completed', completed_at: iso(startMs + 1), completion_reason: 'explicit' },
    ],
    'is above all if approved': [
      [...complete, set('approved', startMs + 9)],
      { status: 'approved', ...byResponses },
    ],
    'is the latest of approved, failed and cancelled': [
      [
        ...complete,
        set('cancelled', startMs + 11),
        set('approved', startMs + 9),
        set('failed', startMs + 10),
      ],
      { status: 'cancelled', ...byResponses },
    ],
    'can be approved again': [
      [...complete, set('approved', startMs + 9), set('failed', startMs + 10), set('approved', startMs + 11)],
      { status: 'approved', ...byResponses },
    ],
    'is above all if cancelled, even before a later completion': [
      [creation, set('cancelled', startMs), answer(1), answer(2), answer(3)],
      { status: 'cancelled', ...byResponses },
    ],
    'is ignored if unheard of': [[creation, set('processing', startMs + 1)], { status: 'pending' }],
    'can be part of the creation': [[created('t', startMs, { status: 'assigned' })], { status: 'assigned' }],
  };
  for (const [what, [events, expected]] of Object.entries(cases)) {
    it(what, () => assertOutcome(events, expected));
  }
});
