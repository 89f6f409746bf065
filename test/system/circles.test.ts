import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { imports } from '../support/modules.ts';

const root = join(import.meta.dirname, '../..');

/** The files below a folder, each with those that it imports from there. */
function fileGraph(folder: string): Map<string, string[]> {
  const files = globSync('**/*.ts', { cwd: join(root, folder), exclude: ['**/node_modules/**'] });
  return new Map(
    files.map((file) => {
      const relative = imports(readFileSync(join(root, folder, file), 'utf8')).filter((to) =>
        to.startsWith('.'),
      );
      return [file, relative.map((to) => posix.join(posix.dirname(file), to))];
    }),
  );
}

/** The folders of files, each with those that it imports from; files that lie in none are left out. */
function folderGraph(files: ReadonlyMap<string, readonly string[]>): Map<string, string[]> {
  const folders = new Map<string, string[]>();
  for (const [file, targets] of files) {
    const from = dirname(file);
    const others = targets.map((to) => dirname(to)).filter((to) => to !== from && to !== '.');
    if (from !== '.') folders.set(from, [...(folders.get(from) ?? []), ...others]);
  }
  return folders;
}

/** A way from a node back to itself; undefined where there is none. */
function circleIn(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const finished = new Set<string>();
  const from = (node: string, way: readonly string[]): string[] | undefined => {
    if (way.includes(node)) return [...way.slice(way.indexOf(node)), node];
    if (finished.has(node)) return undefined;
    for (const next of graph.get(node) ?? []) {
      const circle = from(next, [...way, node]);
      if (circle !== undefined) return circle;
    }
    finished.add(node);
    return undefined;
  };
  for (const node of graph.keys()) {
    const circle = from(node, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

describe('imports', () => {
  it('are followed to find circles', () => {
    const graph = new Map([
      ['a', ['b', 'd']],
      ['b', ['c']],
      ['c', ['b']],
    ]);
    assert.deepEqual(circleIn(graph), ['b', 'c', 'b']);
    assert.equal(
      circleIn(
        new Map([
          ['a', ['b', 'c']],
          ['b', ['c']],
        ]),
      ),
      undefined,
    );
  });

  for (const folder of ['functions/src', 'local', 'bench', 'scripts', 'test', 'clients/typescript/src']) {
    it(`make no circle of files or folders: ${folder}`, () => {
      const files = fileGraph(folder);
      assert.ok(files.size > 10);
      assert.equal(circleIn(files)?.join(' → '), undefined);
      assert.equal(circleIn(folderGraph(files))?.join(' → '), undefined);
    });
  }
});
