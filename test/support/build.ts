import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const functionsDir = fileURLToPath(new URL('../../functions', import.meta.url));

let isBuilt = false;

/** Builds the functions unless the bundle that is there is current; looks once in a process. */
export function build(): void {
  if (isBuilt) return;
  isBuilt = true;
  execFileSync(process.execPath, [fileURLToPath(new URL('../../scripts/build.ts', import.meta.url))]);
}
