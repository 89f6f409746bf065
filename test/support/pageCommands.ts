import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** The pages that tell operators what to type. */
const operatorPages = [
  'README.md',
  ...[
    'operations',
    'data',
    'upgrading',
    'incidents',
    'limits',
    'quota',
    'monitoring',
    'page',
    'security',
  ].map((name) => `docs/${name}.md`),
];

/** The address that `$SLUICE` stands for. */
export const installation = 'https://sluice.invalid';

/** A command of a page, as a shell reads it. */
interface PageCommand {
  page: string;
  argv: string[];
}

/** Programs that pages call; a shell that meets another one in them fails. */
const programs = ['npm', 'npx', 'curl', 'gcloud', 'xargs'];

/** Reads the commands of pages' blocks with a shell that only tells what it would run. */
export function pageCommands(pages: readonly string[] = operatorPages): PageCommand[] {
  return pages.flatMap((page) =>
    [...readFileSync(join(root, page), 'utf8').matchAll(/^ *```sh\n(.*?)^ *```/gms)].flatMap(
      ([, block = '']) => commandsIn(block).map((argv) => ({ page, argv })),
    ),
  );
}

/** The commands in a block of shell. Throws Error where a shell does not read it, or it calls another program. */
export function commandsIn(block: string): string[][] {
  // Both ends of a pipe tell at once, each in one write.
  const told = programs.map((name) => `${name}() { printf '%s\\0' ${name} "$@" end >&3; }`).join('\n');
  const env = { SLUICE: installation, SLUICE_ADMIN_KEY: 'ADMIN_KEY', PATH: '' };
  const script = `exec 3>&1 1>/dev/null\nset -eu\n${told}\n${block}`;
  const output = execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8', env });
  return output
    .split('\0end\0')
    .slice(0, -1)
    .map((line) => line.split('\0'));
}
