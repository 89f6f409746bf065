import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../../..');

/** Reads the rules only: clients.spec.ts tests that they deny, and needs the official emulators and so Java. */
describe('security rules', () => {
  const adminsRead = 'allow read: if request.auth.token.admin == true;';
  for (const [file, everything, allowed] of [
    ['firestore.rules', 'match /{document=**}', [adminsRead]],
    ['storage.rules', 'match /{object=**}', []],
  ] as const) {
    it(`of ${file} allow nobody anything, but operators to read what is known of files`, () => {
      const text = readFileSync(join(root, file), 'utf8').replaceAll(/\/\/.*$/gm, '');
      assert.ok(text.includes(everything));
      assert.deepEqual(text.match(/allow [^;]*;/g), ['allow read, write: if false;', ...allowed]);
    });
  }
});
