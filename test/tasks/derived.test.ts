import assert from 'node:assert/strict';
import type { TaskEvent } from '../../functions/src/events/event.ts';
import { deadlineStamp } from '../../functions/src/events/stamp.ts';
import { ttlField } from '../../functions/src/platform/documents.ts';
import { taskDocument } from '../../functions/src/tasks/document.ts';
import { decodeMeta, encodeMeta } from '../../functions/src/tasks/meta.ts';
import { reduceTask } from '../../functions/src/tasks/reducer.ts';
import { emptyTask } from '../../functions/src/tasks/state.ts';
import { startMs } from '../support/clock.ts';
import { created, patched, response, stampAt } from '../support/events.ts';
import { shownAfter, stored, timeoutMs } from '../support/storedTask.ts';

const iso = (ms: number): string => new Date(ms).toISOString();
const creation = created('t', startMs, { task_type: 'test' });
const deadline: TaskEvent = { kind: 'deadline', taskId: 't', stamp: deadlineStamp(startMs + timeoutMs) };

describe('the best response', () => {
  const scored = (uid: number, accuracy_score: number, speed_score: number, ms = startMs + uid): TaskEvent =>
    response('t', ms, uid, { accuracy_score, speed_score });

  it('is the most accurate', () => {
    const task = shownAfter(creation, scored(1, 0.4, 1), scored(2, 0.9, 0), scored(3, 0.5, 1));
    assert.deepEqual(task['best_response'], { miner_uid: 2, score: 0.9 });
  });

  it('is the fastest of equally accurate ones', () => {
    const task = shownAfter(scored(1, 0.9, 0.1), scored(2, 0.9, 0.3), scored(3, 0.9, 0.2));
    assert.deepEqual(task['best_response'], { miner_uid: 2, score: 0.9 });
  });

  it('is the earliest accepted of equal ones, whichever is delivered first', () => {
    const task = shownAfter(scored(1, 0.9, 0.3, startMs + 9), scored(2, 0.9, 0.3, startMs + 8));
    assert.deepEqual(task['best_response'], { miner_uid: 2, score: 0.9 });
  });

  it('is null without responses, and may have a score of 0 or less', () => {
    assert.equal(shownAfter(creation)['best_response'], null);
    assert.deepEqual(shownAfter(scored(0, -1, 0))['best_response'], { miner_uid: 0, score: -1 });
  });
});

describe('times of a task', () => {
  it('are null where nothing happened yet', () => {
    const task = shownAfter(patched('t', startMs + 3, { priority: 1 }));
    for (const name of ['first_response_at', 'completed_at', 'distributed_at', 'created_at']) {
      assert.equal(task[name], null, name);
    }
    assert.equal(task['updated_at'], iso(startMs + 3));
  });

  it('first_response_at is when the earliest response was accepted', () => {
    const task = shownAfter(creation, response('t', startMs + 9, 1), response('t', startMs + 4, 2));
    assert.equal(task['first_response_at'], iso(startMs + 4));
  });

  it('distributed_at is when it was first assigned', () => {
    const assign = (ms: number): TaskEvent => patched('t', ms, { status: 'assigned' });
    const task = shownAfter(creation, assign(startMs + 9), assign(startMs + 5));
    assert.equal(task['distributed_at'], iso(startMs + 5));
  });

  it('created_at is the earliest creation', () => {
    assert.equal(shownAfter(creation, created('t', startMs - 5))['created_at'], iso(startMs - 5));
  });

  it('updated_at is the newest thing in it: a field, a response, a status', () => {
    assert.equal(shownAfter(creation)['updated_at'], iso(startMs));
    assert.equal(
      shownAfter(creation, patched('t', startMs + 1, { priority: 1 }))['updated_at'],
      iso(startMs + 1),
    );
    assert.equal(shownAfter(creation, response('t', startMs + 2, 1))['updated_at'], iso(startMs + 2));
    assert.equal(
      shownAfter(creation, patched('t', startMs + 3, { status: 'failed' }))['updated_at'],
      iso(startMs + 3),
    );
  });

  it('updated_at is not moved by what changes nothing: a repeated response, an older field', () => {
    const task = shownAfter(
      creation,
      response('t', startMs + 2, 1),
      response('t', startMs + 9, 1),
      patched('t', startMs - 9, { task_type: 'older' }),
    );
    assert.equal(task['updated_at'], iso(startMs + 2));
  });

  it('updated_at is the deadline where that decided', () => {
    assert.equal(shownAfter(creation, deadline)['updated_at'], iso(startMs + timeoutMs));
    const done = shownAfter(creation, ...[1, 2, 3].map((uid) => response('t', startMs + uid, uid)), deadline);
    assert.equal(done['updated_at'], iso(startMs + 3));
  });

  it('of a response are when it was accepted, and when its miner says it was sent', () => {
    const task = shownAfter(response('t', startMs + 2, 1, { submitted_at_ms: startMs - 100 }));
    const responses = task['miner_responses'] as Record<string, Record<string, unknown>>;
    assert.equal(responses['1']?.['received_at'], iso(startMs + 2));
    assert.equal(responses['1']?.['submitted_at'], iso(startMs - 100));
  });
});

describe('fields of a task', () => {
  it('have the value set last by stamp, each by itself', () => {
    const task = shownAfter(
      patched('t', startMs + 9, { priority: 9 }),
      created('t', startMs, { priority: 1, metadata: { a: 1 }, model_id: 'm' }),
      patched('t', startMs + 5, { priority: 5, model_id: null }),
    );
    assert.equal(task['priority'], 9);
    assert.deepEqual(task['metadata'], { a: 1 });
    assert.equal(task['model_id'], null);
  });

  it('change between a form that Firestore holds and text', () => {
    let document = stored('t', undefined, [created('t', startMs, { input_text: 'plain' })]);
    document = stored('t', document, [patched('t', startMs + 1, { input_text: [[1]] })]);
    assert.equal(document?.['input_text_json'], '[[1]]');
    assert.ok(!('input_text' in (document ?? {})));
    document = stored('t', document, [patched('t', startMs + 2, { input_text: 'again' })]);
    assert.equal(document?.['input_text'], 'again');
    assert.ok(!('input_text_json' in (document ?? {})));
  });

  it('cannot change the counts or the id', () => {
    const task = shownAfter(
      creation,
      patched('t', startMs + 1, { required_miner_count: 9, task_id: 'other' }),
    );
    assert.equal(task['required_miner_count'], 3);
    assert.equal(task['task_id'], 't');
  });

  it('takes a nonsensical count for none', () => {
    for (const count of [0, -1, 1.5, 'many', null]) {
      const task = shownAfter(created('t', startMs, { required_miner_count: count, min_miner_count: count }));
      assert.deepEqual([task['required_miner_count'], task['min_miner_count']], [3, 1]);
    }
  });
});

describe('a deadline alone', () => {
  it('makes no document', () => {
    assert.equal(stored('t', undefined, [deadline]), undefined);
  });

  it('is not worth a write to a task that its responses completed', () => {
    const document = stored('t', undefined, [
      creation,
      ...[1, 2, 3].map((uid) => response('t', startMs, uid)),
    ]);
    assert.equal(stored('t', document, [deadline]), document);
  });
});

describe('the stamps in a document', () => {
  const { state } = reduceTask(emptyTask('t'), [creation, response('t', startMs, 1), deadline], timeoutMs);
  const meta = taskDocument(state, { retentionMs: 0 })['_sluice'];

  it('are read as they were written', () => {
    assert.ok(meta instanceof Uint8Array);
    const decoded = decodeMeta(meta);
    assert.deepEqual(decoded?.responses, { '1': stampAt(startMs, 1) });
    assert.equal(decoded?.creation?.stamp, creation.stamp);
    assert.deepEqual(encodeMeta(decoded), meta);
    assert.equal(decodeMeta(undefined), undefined);
  });

  it('begin with a hash, so that index entries scatter', () => {
    const later = reduceTask(state, [response('t', startMs + 1, 2)], timeoutMs).state;
    const next = taskDocument(later, { retentionMs: 0 })['_sluice'];
    assert.ok(meta instanceof Uint8Array && next instanceof Uint8Array);
    assert.notDeepEqual(meta.subarray(0, 8), next.subarray(0, 8));
  });

  it('do not depend on the order of fields', () => {
    const one = encodeMeta({ statuses: {}, fields: { a: 'x', b: 'y' }, responses: {} });
    assert.deepEqual(encodeMeta({ statuses: {}, fields: { b: 'y', a: 'x' }, responses: {} }), one);
  });
});

describe('retention', () => {
  it('ends a while after the last change, or never', () => {
    const { state } = reduceTask(emptyTask('t'), [creation, response('t', startMs + 7, 1)], timeoutMs);
    assert.deepEqual(taskDocument(state, { retentionMs: 1_000 })[ttlField], new Date(startMs + 1_007));
    assert.ok(!(ttlField in taskDocument(state, { retentionMs: 0 })));
  });
});
