import { readdirSync, readFileSync } from 'node:fs';

const root = new URL('../../functions/src/', import.meta.url);

/** Every module of the functions, by its path, as text without comments. */
export const modules = new Map(
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.ts'))
    .map((path) => [path, withoutComments(readFileSync(new URL(path, root), 'utf8'))]),
);

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}

/** Specifiers that a module imports, in any way. */
export function imports(text: string): string[] {
  const form = /(?:\bfrom|\bimport|\bimport\(|\brequire\()\s*['"`]([^'"`]+)['"`]/g;
  return [...text.matchAll(form)].map(([, specifier = '']) => specifier);
}

/** The modules that import what is meant, in any way. */
export function importersOf(isMeant: (specifier: string) => boolean): string[] {
  return [...modules].filter(([, text]) => imports(text).some(isMeant)).map(([path]) => path);
}
