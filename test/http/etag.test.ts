import assert from 'node:assert/strict';
import { notModified } from '../../functions/src/http/etag.ts';

function matches(header: string | undefined, etag: string): boolean {
  return notModified({ header: (name) => (name === 'if-none-match' ? header : undefined) }, etag);
}

describe('an If-None-Match header', () => {
  it('names an ETag, weak or strong, among others, or any', () => {
    for (const header of ['"a"', 'W/"a"', '"b", "a"', ' "b" ,W/"a"', '*']) {
      assert.ok(matches(header, '"a"'), header);
      assert.ok(matches(header, 'W/"a"'), header);
    }
  });

  it('that is missing, empty or names others matches none', () => {
    for (const header of [undefined, '', '"b"', 'a', '"b", "c"']) assert.ok(!matches(header, '"a"'));
  });
});
