import assert from 'node:assert/strict';
import { mutantsOf } from '../../scripts/mutation/mutants.ts';

/** The source after each of its mutations, by kind. */
function broken(source: string): [kind: string, source: string][] {
  return mutantsOf(source).map(({ kind, start, end, text }) => [
    kind,
    source.slice(0, start) + text + source.slice(end),
  ]);
}

describe('the places where code is broken to see whether a test fails', () => {
  it('are comparisons, conditions, calls and what is returned', () => {
    const code = (condition: string, call = 'g(a);', result = 'a + b') =>
      `function f() {\n  if (${condition}) {\n  ${call}\n  return ${result};\n}\n}`;
    assert.deepEqual(broken(code('a < b')), [
      ['condition', code('true')],
      ['condition', code('false')],
      ['boundary', code('a <= b')],
      ['call', code('a < b', ';')],
      ['return', code('a < b', 'g(a);', 'undefined')],
      ['arithmetic', code('a < b', 'g(a);', 'a - b')],
    ]);
  });

  it('are awaits and throws, over several lines too', () => {
    const kinds = broken('await put(\n  { a: [1] },\n);\nthrow new Error(why);').map(([kind, code]) => [
      kind,
      code.slice(0, 5),
    ]);
    assert.deepEqual(kinds, [
      ['await', 'put(\n'],
      ['call', ';\nthr'],
      ['throw', 'await'],
    ]);
  });

  it('are none in types, texts, patterns and comments', () => {
    const source = [
      'type T = { a: true } | { b: A<B> };',
      "const text = 'a < b && true';",
      'const pattern = /a === b \\/ true/;',
      '// if (true) a && b',
      '/* await a */',
      'let held: Map<string, true> | undefined;',
    ].join('\n');
    assert.deepEqual(broken(source), []);
  });
});
