/** True when `packagesDir`, `node_modules` in `dir` if not given, holds what the lock file in `dir` names. */
export function isInstalled(dir: string, packagesDir?: string): boolean;
