import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { imports, modules } from '../support/modules.ts';

const root = join(import.meta.dirname, '../..');

interface PackageJson {
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

function packageJson(folder: string): PackageJson {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
}

/** The package of a module that is named without a path: `@google-cloud/tasks` of `@google-cloud/tasks/build/x.js`. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

describe('dependencies', () => {
  const ofFunctions = Object.keys(packageJson('functions').dependencies ?? {});
  const { devDependencies = {}, optionalDependencies = {} } = packageJson('.');
  const all = [...ofFunctions, ...Object.keys(devDependencies), ...Object.keys(optionalDependencies)];

  it('of functions/src are declared', () => {
    const used = [...modules.values()]
      .flatMap(imports)
      .filter((specifier) => /^[@a-z]/.test(specifier) && !specifier.startsWith('node:'))
      .map(packageOf)
      .filter((name) => !builtinModules.includes(name));
    assert.deepEqual([...new Set(used)].filter((name) => !all.includes(name)).sort(), []);
  });

  it('are pinned to one version', () => {
    const versions = {
      ...packageJson('functions').dependencies,
      ...devDependencies,
      ...optionalDependencies,
    };
    assert.deepEqual(
      Object.entries(versions).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version)),
      [],
    );
  });

  it('have their reason in docs/dependencies.md', () => {
    const page = readFileSync(join(root, 'docs/dependencies.md'), 'utf8');
    assert.deepEqual(
      all.filter((name) => !page.includes(`\`${name}\``)),
      [],
    );
  });
});
