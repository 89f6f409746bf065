import assert from 'node:assert/strict';
import fc from 'fast-check';
import { jsonOrText, parseJson } from '../../functions/src/http/json.ts';
import { type Json, parseExact, parseWritten } from '../../functions/src/platform/json.ts';
import { runs } from '../support/runs.ts';

const long = fc.oneof(
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 80n }),
  fc.bigInt({ min: -(2n ** 80n), max: -(2n ** 53n) }),
);
const piece = fc.constantFrom(
  '\0',
  'i',
  't',
  '12345678901234567',
  '"',
  '\\',
  ':',
  ',',
  '[',
  'NaN',
  ' ',
  'Infinity',
  'é',
  '\ud83d',
);
const text = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''));
const { value } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(long, text, fc.maxSafeInteger(), fc.constantFrom(null, true, 0.1234567890123456, -1e-7)),
    fc.dictionary(fc.oneof(text, fc.constantFrom('__proto__')), tie('value'), {
      maxKeys: 3,
      noNullPrototype: true,
    }),
    fc.array(tie('value'), { maxLength: 3 }),
  ),
}));
const space = fc.constantFrom(0, 2, '\t');

describe('JSON with integers of any length', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(value, space, (json, indent) => {
        const written = JSON.stringify(json, null, indent);
        assert.deepEqual(parseExact(written), json);
        assert.deepEqual(parseJson(`\ufeff${written}`), json);
        assert.deepEqual(jsonOrText(typeof json === 'string' ? JSON.stringify(json) : written), json);
      }),
      runs(500),
    );
  });

  it('is refused with the fault that the engine tells, at its place', () => {
    fc.assert(
      fc.property(value, fc.nat(), fc.constantFrom('', '"', '\\', 'x', '1', ','), (json, place, put) => {
        const written = JSON.stringify([json, 12345678901234567890n]);
        const at = place % written.length;
        const broken = written.slice(0, at) + put + written.slice(at + 1);
        assert.deepEqual(
          outcome(() => JSON.parse(broken)),
          outcome(() => parseExact(broken)),
        );
      }),
      runs(500),
    );
  });

  it('holds no integer that only looks like one', () => {
    for (const [written, read] of [
      ['0.1234567890123456789', 0.12345678901234568],
      ['1234567890123456789.5', 1234567890123456800],
      ['1234567890123456789e2', 1.2345678901234568e20],
      ['1e-1234567890123456789', 0],
      ['1234567890123456', 1234567890123456],
      ['-9007199254740991', -9007199254740991],
      ['"12345678901234567890"', '12345678901234567890'],
      ['9'.repeat(400), Infinity],
    ] as const) {
      assert.deepEqual(parseExact(`[${written}]`), [read]);
    }
    assert.throws(() => parseExact('[01234567890123456789]'), SyntaxError);
    assert.throws(() => parseExact('[1 1234567890123456789]'), SyntaxError);
  });

  it('that was written holds numbers past 64 bits, which are written so', () => {
    const written = { large: 1e20, least: -(2n ** 63n), below: -1e19, small: 5 };
    assert.deepEqual(parseWritten(JSON.stringify(written)), written);
  });

  it('is read in a time that its length bounds, whatever stands in it', () => {
    const escapes = '\\"'.repeat(2_000_000);
    assert.deepEqual(parseJson(`[NaN,12345678901234567890,"${escapes}"]`), [
      Infinity,
      12345678901234567890n,
      '"'.repeat(2_000_000),
    ]);
    assert.throws(() => parseJson(`[NaN,12345678901234567890,"${escapes}`), /Malformed JSON/);
  });
});

/** The result, or the reason of a throw; integers as the numbers that the engine takes them for. */
function outcome(parse: () => unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(parse()));
  } catch (error) {
    return error instanceof Error ? error.message : error;
  }
}
