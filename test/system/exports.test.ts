import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

const root = join(import.meta.dirname, '../..');
const folders = [
  'functions/src',
  'local',
  'bench',
  'scripts',
  'test',
  'clients/typescript/src',
  'dashboard/src',
];
/** Files whose exports are for whom nothing here imports: what is deployed. */
const deployed = ['functions/src', 'bench/baseline', 'bench/load', 'clients/typescript/src'].map(
  (folder) => `${folder}/index.ts`,
);

const exported = /^export (?:async )?(?:function\*?|class|const|let|interface|type) (\w+)/gm;
const named = /(?:import|export) (?:type )?\{([^}]*)\} from '(\.[^']+)'/g;
const whole = /(?:(?:import|export) (?:type )?\*(?: as \w+)? from |import\()\s*'(\.[^']+)'/g;

/** Exports that no other of these files imports; whoever imports a file whole takes all of it. */
function unused(files: ReadonlyMap<string, string>): string[] {
  const taken = new Set<string>();
  for (const [file, text] of files) {
    const pathOf = (specifier: string): string => posix.join(posix.dirname(file), specifier);
    for (const [, specifier = ''] of text.matchAll(whole)) taken.add(pathOf(specifier));
    for (const [, names = '', specifier = ''] of text.matchAll(named)) {
      for (const [, name] of names.matchAll(/(?:^|,)\s*(?:type )?(\w+)/g))
        taken.add(`${pathOf(specifier)} ${name}`);
    }
  }
  return [...files].flatMap(([file, text]) =>
    [...text.matchAll(exported)]
      .map(([, name]) => `${file} ${name}`)
      .filter((each) => !taken.has(file) && !taken.has(each)),
  );
}

describe('exports', () => {
  it('are found where nothing imports them', () => {
    const files = new Map([
      ['a/a.ts', 'export interface A {}\nexport const b = 1;\nexport type C = A;\nexport function d() {}'],
      ['a/b.ts', "import { type A, b as c } from './a.ts';\nexport class Whole {}"],
      ['c.ts', "const w = await import('./a/b.ts');\nexport {\n  d,\n} from './a/a.ts';"],
    ]);
    assert.deepEqual(unused(files), ['a/a.ts C']);
  });

  it('are imported by another file', () => {
    const paths = folders.flatMap((folder) =>
      globSync(`${folder}/**/*.{ts,tsx}`, { cwd: root, exclude: ['**/node_modules/**'] }),
    );
    assert.ok(paths.length > 100);
    const files = new Map(paths.map((path) => [path, readFileSync(join(root, path), 'utf8')]));
    assert.deepEqual(
      unused(files).filter((each) => !deployed.includes(each.split(' ')[0] ?? '')),
      [],
    );
  });
});
