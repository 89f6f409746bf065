import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Json, parseWritten } from '../../functions/src/platform/json.ts';
import { fieldForJson, jsonFromFields } from '../../functions/src/platform/values.ts';
import { startMs } from '../support/clock.ts';
import { applyChanges } from '../support/documents.ts';
import { runs } from '../support/runs.ts';

/** Stores a value under two names above it, as a response's data is, and reads it back. */
function roundTrip(name: string, value: Json): Json | undefined {
  const changes = [{ path: ['miner_responses'], value: { '1': fieldForJson(name, value) } }];
  const stored = applyChanges({}, changes, new Date(startMs))['miner_responses'] as Record<string, object>;
  return jsonFromFields({ ...stored['1'] })[name];
}

function nested(depth: number): Json {
  return depth === 0 ? 'deepest' : { in: nested(depth - 1) };
}

describe('JSON values in Firestore fields', () => {
  it('come back as they were, whatever they hold @slow', () => {
    const value = fc.jsonValue({ maxDepth: 6, stringUnit: 'binary' }) as fc.Arbitrary<Json>;
    fc.assert(
      fc.property(fc.constantFrom('data', 'data_json'), value, (name, json) => {
        // JSON writes -0 as 0, and a large number as an integer.
        const value = parseWritten(JSON.stringify(json));
        assert.deepEqual(roundTrip(name, value), value);
      }),
      runs(),
    );
  });

  const examples: Record<string, Json> = {
    'a list in a list': [[1, 2], [3]],
    'a list in a map in a list': [{ in: [1] }],
    'a reserved name': { __name__: 1 },
    'an empty name': { '': 1 },
    'a long name': { ['n'.repeat(1501)]: 1 },
    'half a character': 'cut \ud83d',
    'half a character in a name': { '\ud83d': 1 },
    '18 levels': nested(18),
    '19 levels': nested(19),
    'text that looks like JSON': '{"a":1}',
    null: null,
  };
  for (const [what, value] of Object.entries(examples)) {
    it(`come back as they were: ${what}`, () => {
      assert.deepEqual(roundTrip('data', value), value);
    });
  }

  it('stay readable where Firestore can hold them', () => {
    assert.deepEqual(fieldForJson('data', { a: [1, { b: null }] }), { data: { a: [1, { b: null }] } });
    assert.deepEqual(fieldForJson('data', [[1]]), { data_json: '[[1]]' });
  });

  it('are told from text that somebody else put into a field of such a name', () => {
    assert.deepEqual(jsonFromFields({ note_json: 'not JSON' }), { note_json: 'not JSON' });
  });
});
