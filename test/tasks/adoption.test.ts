import assert from 'node:assert/strict';
import type { Fields } from '../../functions/src/platform/documents.ts';
import { startMs } from '../support/clock.ts';
import { patched, response } from '../support/events.ts';
import { stored } from '../support/storedTask.ts';

const dayMs = 86_400_000;
const at = (ms: number): Date => new Date(startMs - dayMs + ms);

/** A task as the system before wrote it. */
const legacy: Fields = {
  task_id: 't',
  task_type: 'transcription',
  status: 'assigned',
  priority: 2,
  required_miner_count: 5,
  min_miner_count: 2,
  assigned_miners: [1, 2],
  metadata: { seen: at(1), note: 'kept' },
  input_text_json: '{"a":1}',
  reviewed_at: at(2),
  expires_at: at(3),
  evaluations: { '12': { score: 0.7 } },
  created_at: at(0),
  distributed_at: at(500),
  updated_at: at(1000),
  miner_responses: {
    '1': {
      miner_uid: 1,
      response_data: { text: 'old' },
      submitted_at: at(900),
      received_at: at(1000),
      processing_time: 1,
      accuracy_score: 0.9,
      speed_score: 0.5,
      coldkey_address: '5F',
      status: 'completed',
    },
  },
};

function responses(document: Fields | undefined): Record<string, Fields> {
  return document?.['miner_responses'] as Record<string, Fields>;
}

describe("adopting a document without Sluice's field", () => {
  const after = stored('t', legacy, [response('t', startMs, 2)]);

  it('adds what is new and derives what is derived', () => {
    assert.deepEqual(responses(after)['2']?.['response_data'], { answer: 2 });
    assert.equal(after?.['response_count'], 2);
    assert.deepEqual(after?.['best_response'], { miner_uid: 1, score: 0.9 });
    assert.deepEqual(after?.['first_response_at'], at(1000));
    assert.deepEqual(after?.['updated_at'], new Date(startMs));
    assert.equal(typeof after?.['feed_shard'], 'number');
    assert.ok(after?.['_sluice'] instanceof Uint8Array);
  });

  it('leaves as it is what it does not derive, also what is not Sluice’s', () => {
    for (const name of [
      'task_type',
      'priority',
      'metadata',
      'input_text_json',
      'reviewed_at',
      'expires_at',
      'evaluations',
    ]) {
      assert.deepEqual(after?.[name], legacy[name], name);
    }
    assert.deepEqual(responses(after)['1'], responses(legacy)['1']);
  });

  it('keeps its counts, creation and distribution', () => {
    for (const name of [
      'required_miner_count',
      'min_miner_count',
      'created_at',
      'distributed_at',
      'task_id',
    ]) {
      assert.deepEqual(after?.[name], legacy[name], name);
    }
  });

  it('treats it as older than any event', () => {
    const patch = patched('t', startMs + 1, { priority: 3, metadata: {}, input_text: 'new' });
    const changed = stored('t', after, [patch, response('t', startMs + 2, 1)]);
    assert.equal(changed?.['priority'], 3);
    assert.deepEqual(changed?.['metadata'], {});
    assert.equal(changed?.['input_text'], 'new');
    assert.ok(!('input_text_json' in (changed ?? {})), 'the other form of the field goes');
    assert.deepEqual(
      responses(changed)['1'],
      responses(legacy)['1'],
      'its response is the earliest of its miner',
    );
  });

  it('does not change again what it adopted', () => {
    assert.equal(stored('t', after, [response('t', startMs, 2)]), after);
  });

  it('keeps a completion and its time', () => {
    const completed = {
      ...legacy,
      status: 'completed',
      completed_at: at(3000),
      completion_reason: 'timeout',
    };
    const changed = stored('t', completed, [patched('t', startMs, { priority: 1 })]);
    assert.equal(changed?.['status'], 'completed');
    assert.deepEqual(changed?.['completed_at'], at(3000));
  });

  it('takes a list, or nothing, where the responses should be', () => {
    const listed = { ...legacy, miner_responses: Object.values(responses(legacy)) };
    const fromList = stored('t', listed, [response('t', startMs, 2)]);
    assert.deepEqual(Object.keys(responses(fromList)), ['1', '2']);
    for (const nothing of [null, undefined, 'none']) {
      const { miner_responses: _, ...rest } = legacy;
      const document = nothing === undefined ? rest : { ...rest, miner_responses: nothing };
      assert.deepEqual(Object.keys(responses(stored('t', document, [response('t', startMs, 2)]))), ['2']);
    }
  });
});

describe('fields that somebody else adds to a task later', () => {
  it('stay', () => {
    const document = stored('t', undefined, [response('t', startMs, 1)]);
    const changed = stored('t', { ...document, reviewed: true }, [response('t', startMs, 2)]);
    assert.equal(changed?.['reviewed'], true);
    assert.equal(changed?.['response_count'], 2);
  });
});
