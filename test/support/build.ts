import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const functionsDir = fileURLToPath(new URL('../../functions', import.meta.url));

/** Builds the functions unless the bundle that is there is current. */
export function build(): void {
  execFileSync(process.execPath, [fileURLToPath(new URL('../../scripts/build.ts', import.meta.url))]);
}
