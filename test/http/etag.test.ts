import assert from 'node:assert/strict';
import { matchesEtag } from '../../functions/src/http/etag.ts';

describe('an If-None-Match header', () => {
  it('names an ETag, weak or strong, among others, or any', () => {
    for (const header of ['"a"', 'W/"a"', '"b", "a"', ' "b" ,W/"a"', '*']) {
      assert.ok(matchesEtag(header, '"a"'), header);
      assert.ok(matchesEtag(header, 'W/"a"'), header);
    }
  });

  it('that is missing, empty or names others matches none', () => {
    for (const header of [undefined, '', '"b"', 'a', '"b", "c"']) assert.ok(!matchesEtag(header, '"a"'));
  });
});
