import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** That the rules do deny is tested in clients.spec.ts, which needs the official emulators and so Java. */
describe('security rules', () => {
  for (const [file, everything] of [
    ['firestore.rules', 'match /{document=**}'],
    ['storage.rules', 'match /{object=**}'],
  ] as const) {
    it(`of ${file} allow nothing, anywhere`, () => {
      const text = readFileSync(join(root, file), 'utf8').replaceAll(/\/\/.*$/gm, '');
      assert.ok(text.includes(everything));
      assert.deepEqual(text.match(/allow [^;]*;/g), ['allow read, write: if false;']);
    });
  }
});
