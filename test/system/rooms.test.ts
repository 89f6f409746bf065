import assert from 'node:assert/strict';
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

/** The imports of a room that lead to another room. */
function waysOut(room: string): { path: string; to: string }[] {
  return [...modules]
    .filter(([path]) => roomOf(path) === room)
    .flatMap(([path, text]) =>
      imports(text)
        .filter((specifier) => /^\..*\.ts$/.test(specifier))
        .map((specifier) => ({ path, to: roomOf(posix.join(posix.dirname(path), specifier)) })),
    )
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
});
