import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';

const root = join(import.meta.dirname, '..');
const sourceDir = join(root, 'dashboard/src');

/** A file beside an HTML page that it names as `./FILE`. */
const named = /(?<=(?:src|href)=")\.\/[^"]+/g;

/**
 * Bundles dashboard/src into `outDir`, which Hosting serves. Each `.html` there is a page; the scripts, styles and
 * pictures that it names as `./FILE` go into assets/ under names with a hash of their content, so that a browser may
 * keep them for good. Returns the files that it is made of, packages apart, from the root of the repository.
 */
export async function bundlePage(outDir: string): Promise<string[]> {
  const pages = readdirSync(sourceDir, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.html'))
    .map((file) => ({ file, html: readFileSync(join(sourceDir, file), 'utf8') }));
  const entryPoints = new Set(
    pages.flatMap(({ file, html }) => [...html.matchAll(named)].map(([path]) => sourceOf(file, path))),
  );
  const { build } = await import('esbuild');
  const { metafile, warnings } = await build({
    absWorkingDir: root,
    entryPoints: [...entryPoints],
    outdir: outDir,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    // Pages share what both of them use.
    splitting: true,
    entryNames: 'assets/[name]-[hash]',
    chunkNames: 'assets/[name]-[hash]',
    loader: { '.svg': 'copy' },
    tsconfig: 'dashboard/tsconfig.json',
    minify: true,
    // The packages' licenses stand in dashboard's sources and in docs/dependencies.md.
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  });
  if (warnings.length > 0) throw new Error('The page’s sources have faults, named above.');
  const made = new Map<string | undefined, string>();
  for (const [output, { entryPoint, inputs }] of Object.entries(metafile.outputs)) {
    made.set(entryPoint ?? Object.keys(inputs)[0], `/${relative(outDir, join(root, output))}`);
  }
  for (const { file, html } of pages) {
    const page = html.replace(named, (path) => made.get(sourceOf(file, path)) ?? path);
    mkdirSync(dirname(join(outDir, file)), { recursive: true });
    writeFileSync(join(outDir, file), page);
  }
  return Object.keys(metafile.inputs).filter((input) => !/(^|\/)node_modules\//.test(input));
}

/** The source that a page names, from the root of the repository. */
function sourceOf(page: string, path: string): string {
  return posix.join('dashboard/src', posix.dirname(page), path);
}
