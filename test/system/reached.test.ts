import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';

const root = join(import.meta.dirname, '../..');
const source = join(root, 'functions/src');

/** A path of a source, as an import or a process that a test starts names it. */
const sourcePath = /['"`](\.\.?\/[^'"`]+\.ts)['"`]/g;

/** The files that these name, but for types alone, and those that they name in turn. */
function namedBy(files: readonly string[]): ReadonlySet<string> {
  const found = new Set(files);
  for (const file of found) {
    const code = stripTypeScriptTypes(readFileSync(file, 'utf8'));
    const named = [...code.matchAll(sourcePath)].map(([, path = '']) => join(dirname(file), path));
    for (const path of named) if (existsSync(path)) found.add(path);
  }
  return found;
}

/** True for a file in which something may go wrong; types and constants alone are none. */
function hasLogic(file: string): boolean {
  return /=>|\bfunction\b|\) \{/.test(stripTypeScriptTypes(readFileSync(file, 'utf8')));
}

/** `npm run coverage` says the same of functions, and takes minutes. */
describe('every file with logic', () => {
  const rooms = globSync('*/', { cwd: source }).filter((room) => existsSync(join(root, 'test', room)));

  for (const room of rooms.sort()) {
    it(`is loaded by a test of its room: ${room}`, () => {
      const loaded = namedBy(globSync(join(root, 'test', room, '**/*.test.ts')));
      const missing = globSync(join(source, room, '**/*.ts')).filter(
        (file) => hasLogic(file) && !loaded.has(file),
      );
      assert.deepEqual(
        missing.map((file) => relative(source, file).replaceAll(sep, '/')),
        [],
      );
    });
  }
});
