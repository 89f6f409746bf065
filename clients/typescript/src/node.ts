import { ConfigurationError } from './errors.ts';

interface BuiltIns {
  'node:crypto': typeof import('node:crypto');
  'node:fs': typeof import('node:fs');
  'node:path': typeof import('node:path');
  'node:sqlite': typeof import('node:sqlite');
  'node:worker_threads': typeof import('node:worker_threads');
}

/** A module of Node's own, or undefined: in browsers, and where this Node does not have it. Bundlers do not see it. */
export function builtinIfPresent<Name extends keyof BuiltIns>(name: Name): BuiltIns[Name] | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): unknown } };
  return process?.getBuiltinModule?.(name) as BuiltIns[Name] | undefined;
}

export function builtin<Name extends keyof BuiltIns>(name: Name, option: string): BuiltIns[Name] {
  const found = builtinIfPresent(name);
  if (found !== undefined) return found;
  throw new ConfigurationError(
    `${option}: this needs ${name}, which Node has from 22.13 on, and browsers do not.`,
  );
}
