import type { Plugin } from 'esbuild';
import { requiredBuiltins } from './builtins.ts';
import { deferredAdmin } from './callables.ts';
import { leanTasksClient } from './tasksClient.ts';

/**
 * Plugins that make the bundle quick to load, as docs/architecture.md explains. `packagesDir` is the
 * functions' node_modules.
 */
export function plugins(packagesDir: string): Plugin[] {
  return [requiredBuiltins, deferredAdmin, leanTasksClient(packagesDir)];
}
