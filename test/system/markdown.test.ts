import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

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

  it('begin their sentences with a subject or a verb', () => {
    // The decisions of before the rule stay as they were taken.
    const users = pages.filter((page) => !page.startsWith(join('docs', 'adr')));
    const clauses = users.flatMap((page) =>
      [
        ...textOf(page).matchAll(/(?:^|[.:!?]\s+|\n\n *|\n *(?:-|\d+\.) )((?:What|Whether|Of)\s.{0,30})/g),
      ].map(([, sentence]) => `${page}: ${sentence}`),
    );
    assert.deepEqual(clauses, []);
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

  it('have the sections that commands and logs name', () => {
    const sources = globSync('{scripts,functions/src,local}/**/*.ts', { cwd: root });
    const named = sources.flatMap((source) =>
      [...textOf(source).matchAll(/(docs\/[\w/-]+\.md)(?:, “([^”]+)”)?/g)].map(([, page = '', section]) => ({
        source,
        page,
        section,
      })),
    );
    assert.ok(named.some(({ section }) => section === 'Moving a queue'));
    const missing = named.filter(
      ({ page, section }) =>
        !existsSync(join(root, page)) ||
        (section !== undefined && !new RegExp(`^#+ ${section}$`, 'm').test(textOf(page))),
    );
    assert.deepEqual(missing, []);
  });

  it('name files of this repository that are there', () => {
    const rooms = globSync('*/', { cwd: join(root, 'functions/src') }).map((room) =>
      room.replace(/[\\/]$/, ''),
    );
    const tops = ['functions', 'local', 'test', 'bench', 'scripts', 'docs'];
    const named = new RegExp(
      `\`((?:${[...tops, ...rooms].join('|')})/[\\w./-]+\\.(?:ts|js|mjs|md|json))\``,
      'g',
    );
    const isThere = (file: string): boolean =>
      [file, `functions/src/${file}`, `local/${file}`].some((path) => existsSync(join(root, path)));
    const tests = new Set(globSync('test/**/*.ts', { cwd: root }).map((path) => basename(path)));
    const missing = pages.flatMap((page) => {
      const text = textOf(page);
      const files = [...text.matchAll(named)].map(([, file = '']) => file).filter((file) => !isThere(file));
      const ofTests = [...text.matchAll(/`([\w.]+\.test\.ts)`/g)].map(([, file = '']) => file);
      return [...files, ...ofTests.filter((file) => !tests.has(file))].map((file) => `${page}: ${file}`);
    });
    assert.deepEqual(missing, []);
  });

  it('describe every room of functions/src', () => {
    const described = [...textOf('docs/architecture.md').matchAll(/^\| `(\w+)` \|/gm)].map(
      ([, room]) => room,
    );
    const there = globSync('*', { cwd: join(root, 'functions/src') }).map((name) =>
      name.replace(/\.ts$/, ''),
    );
    assert.deepEqual(described.sort(), there.sort());
  });
});
