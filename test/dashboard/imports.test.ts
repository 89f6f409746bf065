import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { imports } from '../support/modules.ts';

/** The folders of dashboard/src from the top down: a folder may import from those that follow it, and from itself. */
const folders = ['docs', 'app', 'views', 'overview', 'cost', 'feed', 'ui', 'styles'];

const sourceDir = join(import.meta.dirname, '../../dashboard/src');
const folderOf = (path: string): string => path.split('/')[0] ?? '';
const files = globSync('*/**/*.{ts,tsx,css}', { cwd: sourceDir });

describe('the folders of the page', () => {
  it('are all in the list', () => {
    assert.deepEqual(new Set(files.map(folderOf)), new Set(folders));
  });

  folders.forEach((folder, index) => {
    it(`import downwards only: ${folder}`, () => {
      const below = folders.slice(index);
      const ways = files
        .filter((file) => folderOf(file) === folder && /\.tsx?$/.test(file))
        .flatMap((file) =>
          imports(readFileSync(join(sourceDir, file), 'utf8'))
            .filter((specifier) => specifier.startsWith('.'))
            .map((specifier) => ({ file, to: posix.join(posix.dirname(file), specifier) })),
        );
      assert.deepEqual(
        ways.filter(({ to }) => !to.startsWith('../') && !below.includes(folderOf(to))),
        [],
      );
    });
  });
});
