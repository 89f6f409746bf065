import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/**
 * The file that a package's command of the same name runs, as code in `dir` finds the package; undefined without it.
 */
export function commandFile(dir: string, packageName: string, command: string): string | undefined {
  let at: string;
  try {
    at = dirname(createRequire(join(dir, 'package.json')).resolve(packageName));
  } catch {
    return undefined;
  }
  for (; dirname(at) !== at; at = dirname(at)) {
    const found = readPackage(join(at, 'package.json'));
    if (found?.name !== packageName) continue;
    const bin = typeof found.bin === 'string' ? found.bin : found.bin?.[command];
    if (bin !== undefined) return join(at, bin);
  }
  return undefined;
}

function readPackage(file: string): { name?: string; bin?: string | Record<string, string> } | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
