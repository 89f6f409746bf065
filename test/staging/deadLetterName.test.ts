import assert from 'node:assert/strict';
import {
  deadLetterId,
  deadLetterName,
  isDeadLetterName,
} from '../../functions/src/staging/deadLetterName.ts';

describe('the name of a dead letter', () => {
  const ids = ['0f'.repeat(32), '0f8fad5b-d9cb-469f-a165-70867728950e'];

  it('is made of its id, which comes back from it', () => {
    for (const id of ids) {
      assert.equal(deadLetterId(deadLetterName(id)), id);
      assert.ok(isDeadLetterName(deadLetterName(id)));
    }
  });

  it('is no name that others may have put below the same folder', () => {
    const [id = ''] = ids;
    for (const name of [
      `dead-letters/${id}`,
      `dead-letters/sub/${id}.json`,
      'dead-letters/notes.json',
      'dead-letters/',
    ])
      assert.ok(!isDeadLetterName(name), name);
  });
});
