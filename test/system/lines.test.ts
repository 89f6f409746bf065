import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const maxCharacters = 120;
const folders = ['functions/src', 'local', 'scripts', 'bench', 'test', 'clients', 'examples', 'dashboard'];
const ends = 'ts,tsx,mts,mjs,js,css,py';

/** The numbers of a source's lines that are too long. Texts and patterns, which cannot be broken, count nothing. */
function longLines(source: string): number[] {
  return source
    .split('\n')
    .flatMap((line, index) => ([...withoutLiterals(line)].length > maxCharacters ? [index + 1] : []));
}

function withoutLiterals(line: string): string {
  if (/^\s*(\/\/|\/?\*|#:? )/.test(line)) return line;
  if (/^\s*\/.*\/[a-z]*[;,]?$/.test(line)) return '';
  return line.replace(/'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`(?:\\.|[^`\\])*`/g, "''");
}

describe('source lines', () => {
  it('are found where they are too long for another reason than a text or pattern', () => {
    const long = 'x'.repeat(maxCharacters);
    const source = [long, `${long}x`, `f('${long}');`, `  /${long}/g;`, `/** '${long}' */`, ` * '${long}'`];
    assert.deepEqual(
      longLines([...source, `// '${long}'`, `f('x'); // ${long}`, `# '${long}'`].join('\n')),
      [2, 5, 6, 7, 8, 9],
    );
  });

  for (const folder of folders) {
    it(`have ${maxCharacters} characters at most: ${folder}`, () => {
      const files = globSync(`${folder}/**/*.{${ends}}`, {
        cwd: root,
        exclude: ['**/node_modules/**', '**/dist/**', '**/*.generated.ts'],
      });
      assert.ok(files.length > 0);
      const found = files.flatMap((file) =>
        longLines(readFileSync(join(root, file), 'utf8')).map((line) => `${file}:${line}`),
      );
      assert.deepEqual(found, []);
    });
  }
});
