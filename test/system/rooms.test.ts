import assert from 'node:assert/strict';
import { stripTypeScriptTypes } from 'node:module';
import { posix } from 'node:path';
import { imports, modules } from '../support/modules.ts';

/** The rooms of functions/src from the top down: a room may import from those that follow it, and from itself. */
const rooms = [
  'index',
  'app',
  'operator',
  'miners',
  'tasks',
  'documents',
  'files',
  'flush',
  'quota',
  'staging',
  'events',
  'keys',
  'http',
  'platform',
  'config',
];

/** The room of a module: its folder, or its name where it lies in none. */
function roomOf(path: string): string {
  return (path.split('/')[0] ?? '').replace(/\.ts$/, '');
}

/** The modules that one imports, by their paths. */
function importsOf(path: string, text: string): string[] {
  return imports(text)
    .filter((specifier) => /^\..*\.ts$/.test(specifier))
    .map((specifier) => posix.join(posix.dirname(path), specifier));
}

/** The modules that one needs to run, and those that they need in turn: what is imported for types alone is none. */
function neededBy(path: string): ReadonlySet<string> {
  const found = new Set([path]);
  for (const one of found) {
    const code = stripTypeScriptTypes(modules.get(one) ?? '');
    for (const needed of importsOf(one, code)) found.add(needed);
  }
  return found;
}

/** The imports of a room that lead to another room. */
function waysOut(room: string): { path: string; to: string }[] {
  return [...modules]
    .filter(([path]) => roomOf(path) === room)
    .flatMap(([path, text]) => importsOf(path, text).map((to) => ({ path, to: roomOf(to) })))
    .filter(({ to }) => to !== room);
}

describe('the rooms of functions/src', () => {
  it('are all in the list', () => {
    assert.deepEqual(new Set([...modules.keys()].map(roomOf)), new Set(rooms));
  });

  rooms.forEach((room, index) => {
    it(`import downwards only: ${room}`, () => {
      const below = rooms.slice(index + 1);
      assert.deepEqual(
        waysOut(room).filter(({ to }) => !below.includes(to)),
        [],
      );
    });
  });

  it('leave quota to those that write and read', () => {
    const spending = ['miners', 'tasks', 'documents', 'files'].flatMap(waysOut);
    assert.deepEqual(
      spending.filter(({ to }) => to === 'quota'),
      [],
    );
  });

  it('leave the engine, and what it knows of documents, out of expire', () => {
    const needed = [...neededBy('app/expire.ts')];
    assert.ok(needed.includes('tasks/expire.ts'));
    const engine = needed.filter((path) => roomOf(path) === 'flush' && path !== 'flush/limits.ts');
    assert.deepEqual([...engine, ...needed.filter((path) => /(kind|reducer)\.ts$/.test(path))], []);
  });
});
