import type { Plugin } from 'esbuild';
import { requiredBuiltins } from './builtins.ts';
import { deferredAdmin } from './callables.ts';
import { leanTasksClient } from './tasksClient.ts';

/** What makes the bundle quick to load: docs/architecture.md says how. `packagesDir` is the functions' node_modules. */
export function plugins(packagesDir: string): Plugin[] {
  return [requiredBuiltins, deferredAdmin, leanTasksClient(packagesDir)];
}
