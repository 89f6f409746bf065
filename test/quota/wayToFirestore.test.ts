import assert from 'node:assert/strict';
import { importersOf, imports, modules } from '../support/modules.ts';

describe('The way to Firestore', () => {
  it('is seen by this test', () => {
    assert.ok(modules.size > 50);
    const text =
      "import a from 'a';\nconst b = await import('./b.ts');\nimport type { C } from \"c\";\nimport 'd';";
    assert.deepEqual(imports(text), ['a', './b.ts', 'c', 'd']);
  });

  it('is one module for its client, and one for the values that it takes and gives', () => {
    const isClient = (specifier: string): boolean =>
      /^(firebase-admin(\/firestore)?|@google-cloud\/firestore.*|firebase\/.*|@grpc\/grpc-js)$/.test(
        specifier,
      );
    assert.deepEqual(importersOf(isClient), ['platform/firestore.ts', 'platform/firestoreValues.ts']);
    const making = [...modules].filter(([, text]) => /getFirestore|initializeApp|new Firestore/.test(text));
    assert.deepEqual(making.map(([path]) => path).sort(), [
      'platform/cloudTasks.ts',
      'platform/firestore.ts',
    ]);
    const byAddress = [...modules].filter(([, text]) => text.includes('firestore.googleapis.com'));
    assert.deepEqual(byAddress, []);
  });

  it('is opened by one module, which hands out nothing but leased documents', () => {
    assert.deepEqual(
      importersOf(
        (specifier) => specifier.endsWith('platform/firestore.ts') || specifier === './firestore.ts',
      ),
      ['app/database.ts'],
    );
    const text = modules.get('app/database.ts') ?? '';
    const uses = text.split('\n').filter((line) => /\bfirestore\b/.test(line.replace(/'[^']*'/g, '')));
    const allowed = [
      /^const firestore = \(limitMs: number\) =>$/,
      /^ {2}const open = firestore\(ledgerCallMs\);$/,
      /^ +\? \{ open: firestore\(apiCallMs\), /,
      /^ +: \{ open: firestore\(workerCallMs\), /,
    ];
    for (const line of uses)
      assert.ok(
        allowed.some((form) => form.test(line)),
        line,
      );
    assert.equal(uses.length, allowed.length, 'the ledger reads and commits, the others are leased');
  });

  it('is leased in one place only', () => {
    const making = [...modules].filter(([, text]) => /\bleasedDocuments\(/.test(text)).map(([path]) => path);
    assert.deepEqual(making.sort(), ['app/database.ts', 'quota/leasedDocuments.ts']);
  });
});
