import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface Rewrite {
  /** Matches the decoded path of a request. */
  pattern: RegExp;
  functionName: string;
}

export interface HostingConfig {
  publicDir: string;
  rewrites: Rewrite[];
}

/** The Hosting part of a firebase.json. Throws for rewrites to anything but functions. */
export function readHostingConfig(firebaseJson: string): HostingConfig {
  const { hosting } = JSON.parse(readFileSync(firebaseJson, 'utf8'));
  const rewrites: Rewrite[] = [];
  for (const rewrite of hosting?.rewrites ?? []) {
    const functionName: unknown = rewrite.function?.functionId ?? rewrite.function;
    if (typeof rewrite.source !== 'string' || typeof functionName !== 'string') {
      throw new Error(
        `The local Hosting knows only rewrites of a source to a function, not ${JSON.stringify(rewrite)}.`,
      );
    }
    rewrites.push({ pattern: globPattern(rewrite.source), functionName });
  }
  return { publicDir: join(dirname(firebaseJson), hosting?.public ?? 'public'), rewrites };
}

/** Hosting's globs as far as they are used: `*` within a segment, `**` across segments. */
export function globPattern(glob: string): RegExp {
  const source = glob.replace(/\*\*|\*|[^*]+/g, (part) => {
    if (part === '**') return '.*';
    if (part === '*') return '[^/]*';
    return part.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${source}$`);
}
