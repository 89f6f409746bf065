import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const folders = ['functions/src', 'local', 'scripts', 'bench', 'test', 'clients', 'examples', 'dashboard'];

/** Words that open a clause, not a sentence: their comment says what it means only to who knows the code. */
const openings = ['What', 'Whether', 'Of', 'Those', 'That', 'How', 'Where', 'Who', 'Which'];

/** The openings of a text's doc comments that begin with one of these words. */
function clauses(text: string): string[] {
  const opening = new RegExp(`(?:/\\*\\*\\s+(?:\\*\\s+)?|"{3}\\s*)((?:${openings.join('|')})\\b.*)`, 'g');
  return [...text.matchAll(opening)].map(([, found = '']) => found);
}

describe('doc comments', () => {
  it('are found where they begin with a clause', () => {
    const open = '/**';
    const text = `${open} What it is. */\n${open}\n * Of this.\n */\n${open} Whatever comes. */\n// What is. */`;
    assert.deepEqual(clauses(text), ['What it is. */', 'Of this.']);
    const quotes = '"'.repeat(3);
    assert.deepEqual(clauses(`${quotes}How many.\n${quotes}The number.`), ['How many.']);
  });

  for (const folder of folders) {
    it(`begin with a verb or a noun: ${folder}`, () => {
      const files = globSync(`${folder}/**/*.{ts,tsx,py}`, {
        cwd: root,
        exclude: ['**/node_modules/**', '**/dist/**', '**/*.generated.ts'],
      });
      const found = files.flatMap((file) =>
        clauses(readFileSync(join(root, file), 'utf8')).map((line) => `${file}: ${line}`),
      );
      assert.deepEqual(found, []);
    });
  }
});
