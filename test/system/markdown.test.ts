import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const maxCharacters = 120;
const pages = globSync('**/*.md', { cwd: root, exclude: ['**/node_modules/**'] });
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8');

/** The name that a heading has in links. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

describe('Markdown pages', () => {
  it('have no line of more than 120 characters', () => {
    assert.ok(pages.includes('README.md'));
    const long = pages.flatMap((page) =>
      textOf(page)
        .split('\n')
        .flatMap((line, index) => ([...line].length > maxCharacters ? [`${page}:${index + 1}`] : [])),
    );
    assert.deepEqual(long, []);
  });

  it('link to pages and headings that are there', () => {
    const broken = pages.flatMap((page) =>
      [...textOf(page).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)].flatMap(
        ([, path = '', anchor]) => {
          const file = path === '' ? page : join(dirname(page), path);
          if (!existsSync(join(root, file))) return [`${page}: ${path}`];
          if (anchor === undefined) return [];
          const anchors = [...textOf(file).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
            anchorOf(heading),
          );
          return anchors.includes(anchor) ? [] : [`${page}: ${path}#${anchor}`];
        },
      ),
    );
    assert.deepEqual(broken, []);
  });

  it('name files of this repository that are there', () => {
    const named = /`((?:functions|local|test|bench|scripts|docs)\/[\w./-]+\.(?:ts|js|mjs|md|json))`/g;
    const missing = pages.flatMap((page) =>
      [...textOf(page).matchAll(named)]
        .map(([, file = '']) => file)
        .filter((file) => !existsSync(join(root, file)))
        .map((file) => `${page}: ${file}`),
    );
    assert.deepEqual(missing, []);
  });
});
