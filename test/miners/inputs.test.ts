import assert from 'node:assert/strict';
import type { Json, JsonObject } from '../../functions/src/platform/json.ts';
import { openTaskOf } from '../../functions/src/tasks/minerTasks.ts';
import { startMs } from '../support/clock.ts';
import { created } from '../support/events.ts';
import { stored } from '../support/storedTask.ts';

/** A task of these fields as a miner is shown it. */
function shownToMiners(fields: JsonObject): JsonObject {
  const document = stored('t', undefined, [created('t', startMs, fields)]) ?? {};
  return openTaskOf('t', document)?.view ?? {};
}

describe('the inputs that miners are shown', () => {
  const deToFr = { task_type: 'text_translation', source_language: 'de', target_language: 'fr' };
  const textOf = (fields: JsonObject): Json | undefined => shownToMiners(fields)['input_text'];

  it('are a text with the languages of its task, which miners look for nowhere else', () => {
    const whole = { text: 'Guten Tag', source_language: 'de', target_language: 'fr' };
    for (const input_text of [
      'Guten Tag',
      { text: 'Guten Tag' },
      { text: 'Guten Tag', source_language: null, target_language: '' },
      whole,
    ]) {
      assert.deepEqual(textOf({ ...deToFr, input_text }), whole);
    }
  });

  it('are a text whose own languages win over those of the task', () => {
    const input_text = { text: 'Hi', source_language: 'en', tone: 'formal' };
    assert.deepEqual(textOf({ ...deToFr, input_text }), { ...input_text, target_language: 'fr' });
  });

  it('have no language rather than null where nobody says one', () => {
    const none = { source_language: null, target_language: null };
    for (const task of [{ task_type: 'tts' }, { task_type: 'tts', ...none }]) {
      assert.deepEqual(textOf({ ...task, input_text: 'Hi' }), { text: 'Hi' });
      assert.deepEqual(textOf({ ...task, input_text: { text: 'Hi', ...none } }), { text: 'Hi' });
    }
    assert.deepEqual(textOf({ task_type: 'tts', source_language: 'de', input_text: 'Hi' }), {
      text: 'Hi',
      source_language: 'de',
    });
  });

  it('are a file as an object, as much of it as its id tells', () => {
    const file = { file_id: 'f1', file_url: '/api/v1/files/f1/download' };
    const task = { task_type: 'document_translation', input_file_id: 'f1' };
    for (const input_file of [{}, { input_file: null }, { input_file: '' }]) {
      const view = shownToMiners({ ...task, ...input_file });
      assert.deepEqual(view['input_file'], file);
      assert.equal(view['input_file_id'], 'f1');
    }
  });

  it('are a file as its proxy described it, and none where there is none', () => {
    const input_file = {
      file_id: 'f2',
      file_name: 'a.pdf',
      file_type: 'document',
      file_size: 9,
      file_url: '/x',
    };
    const view = shownToMiners({ task_type: 'document_translation', input_file_id: 'f1', input_file });
    assert.deepEqual(view['input_file'], input_file);
    for (const none of [{}, { input_file_id: null }, { input_file_id: '' }, { input_text: 'Hi' }])
      assert.ok(!('input_file' in shownToMiners({ task_type: 'tts', ...none })));
    assert.ok(!('input_text' in shownToMiners({ task_type: 'tts' })));
  });
});
