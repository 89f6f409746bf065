import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { globPattern } from './globs.ts';
import type { HeaderRule } from './headers.ts';

interface Rewrite {
  /** Matches the decoded path of a request. */
  pattern: RegExp;
  functionId: string;
}

interface HostingConfig {
  publicDir: string;
  rewrites: Rewrite[];
  headers: HeaderRule[];
}

/** Settings that are honoured, or concern only the deploy. */
const knownOptions = new Set([
  'public',
  'rewrites',
  'headers',
  'ignore',
  'site',
  'target',
  'predeploy',
  'postdeploy',
]);

/** The Hosting part of a firebase.json. Throws for what the local Hosting would serve otherwise than the service. */
export function readHostingConfig(firebaseJson: string): HostingConfig {
  const { hosting = {} } = JSON.parse(readFileSync(firebaseJson, 'utf8'));
  const unknown = Object.keys(hosting).find((option) => !knownOptions.has(option));
  if (unknown !== undefined) {
    throw new Error(`The local Hosting does not know the option ${unknown}, which ${firebaseJson} sets.`);
  }
  return {
    publicDir: join(dirname(firebaseJson), hosting.public ?? 'public'),
    rewrites: (hosting.rewrites ?? []).map(rewriteOf),
    headers: (hosting.headers ?? []).map(headerRuleOf),
  };
}

/** Prefix of the ids of a directory's functions, as firebase.json has it; '' where it says nothing. */
export function idPrefixOf(firebaseJson: string, functionsDir: string): string {
  const { functions = [] } = JSON.parse(readFileSync(firebaseJson, 'utf8'));
  const sources: { source?: string; prefix?: string }[] = Array.isArray(functions) ? functions : [functions];
  const own = sources.find(({ source = '' }) => join(dirname(firebaseJson), source) === functionsDir);
  return own?.prefix === undefined ? '' : `${own.prefix}-`;
}

function rewriteOf(rewrite: { source?: unknown; function?: { functionId?: unknown } | string }): Rewrite {
  const { source, function: target } = rewrite;
  const functionId = typeof target === 'object' ? target.functionId : target;
  if (typeof source !== 'string' || typeof functionId !== 'string') {
    throw new Error(
      `The local Hosting knows only rewrites of a source to a function, not ${JSON.stringify(rewrite)}.`,
    );
  }
  return { pattern: globPattern(source), functionId };
}

function headerRuleOf(rule: { source?: unknown; headers?: HeaderRule['headers'] }): HeaderRule {
  const { source, headers } = rule;
  const isWhole =
    Array.isArray(headers) &&
    headers.every(({ key, value }) => typeof key === 'string' && typeof value === 'string');
  if (typeof source !== 'string' || !isWhole) {
    throw new Error(`The local Hosting knows only headers of a source, not ${JSON.stringify(rule)}.`);
  }
  return { pattern: globPattern(source), headers };
}
