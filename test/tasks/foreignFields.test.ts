import assert from 'node:assert/strict';
import { foreignFields } from '../../functions/src/tasks/document.ts';

describe('the fields of a document that are somebody else’s', () => {
  it('are those that the write leaves, whatever they are called: they count against its size', () => {
    const before = { constructor: 'theirs', toString: 'theirs', note: 'theirs', status: 'pending' };
    assert.deepEqual(foreignFields(before, { status: 'completed' }), {
      constructor: 'theirs',
      toString: 'theirs',
      note: 'theirs',
    });
  });
});
