/**
 * Bundles functions/src into functions/lib, what is deployed, makes the TypeScript client's types of their routes, and
 * bundles dashboard/src into dashboard/dist, what Hosting serves. Does nothing where the sources are the same as last
 * time.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const stampName = '.sources';
const typesFile = join(root, 'clients/typescript/src/api.generated.ts');

/** Definitions of the names that CommonJS packages expect to find, for a bundle of ES modules. */
const commonJsNames = [
  "const require = process.getBuiltinModule('module').createRequire(import.meta.url);",
  'const __dirname = import.meta.dirname;',
].join('\n');

/** Sources of the page, with what it estimates costs by and what it knows of keys. */
const pageSources = [
  ...['dashboard/src', 'dashboard/tsconfig.json', 'package-lock.json', 'scripts/page.ts'],
  ...[
    'bench/coefficients.json',
    'bench/cost',
    'bench/shared',
    'local/bill',
    'local/functions',
    'local/shared',
  ],
  ...['functions/src/http/roles.ts', 'functions/src/keys/limits.ts'],
];

if (!existsSync(typesFile)) rmSync(join(root, 'functions/lib', stampName), { force: true });
await make({
  out: 'functions/lib',
  // Beside the result, so that the paths in the source maps stay right.
  beside: 'functions/.lib-new',
  sources: ['functions/src', 'scripts/bundle', 'functions/package-lock.json', 'scripts/clientTypes.ts'],
  build: async (dir) => {
    await bundle(dir);
    const { writeClientTypes } = await import('./clientTypes.ts');
    await writeClientTypes(typesFile);
  },
});
await make({
  out: 'dashboard/dist',
  beside: 'dashboard/.dist-new',
  sources: pageSources,
  build: async (dir) => {
    const inputs = await (await import('./page.ts')).bundlePage(dir);
    const others = inputs.filter(
      (input) => !pageSources.some((source) => `${input}/`.startsWith(`${source}/`)),
    );
    if (others.length > 0)
      throw new Error(`The page is made of these, too, which pageSources lacks: ${others}`);
  },
});

/** Makes a folder anew by `build` where the sources, files or folders of them, are others than last time. */
async function make({ out, beside, sources, build }: Product): Promise<void> {
  const [outDir, newDir] = [join(root, out), join(root, beside)];
  const stamp = hashOf(sources);
  if (readIfPresent(join(outDir, stampName)) === stamp) return;
  const startedMs = performance.now();
  rmSync(newDir, { recursive: true, force: true });
  await build(newDir);
  writeFileSync(join(newDir, stampName), stamp);
  // Whoever reads it meanwhile finds the old result or the new, and a build that fails changes nothing.
  rmSync(outDir, { recursive: true, force: true });
  renameSync(newDir, outDir);
  console.log(`Built ${out} in ${Math.round(performance.now() - startedMs)} ms.`);
}

interface Product {
  out: string;
  /** The folder in which it is made. */
  beside: string;
  sources: readonly string[];
  build(dir: string): Promise<void>;
}

function hashOf(sources: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of [...sources.flatMap(filesOf), import.meta.filename]) {
    hash
      .update(`${file.slice(root.length)}\0`)
      .update(readFileSync(file))
      .update('\0');
  }
  return hash.digest('hex');
}

function filesOf(source: string): string[] {
  const path = join(root, source);
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function readIfPresent(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

async function bundle(outdir: string): Promise<void> {
  const [{ build }, { plugins }] = await Promise.all([import('esbuild'), import('./bundle/plugins.ts')]);
  await build({
    absWorkingDir: root,
    entryPoints: ['functions/src/index.ts'],
    outdir,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // What is loaded only when first used stays a file of its own.
    splitting: true,
    // Large, and loaded only where they are used: the bundle gains nothing by them.
    external: ['firebase-admin', '@google-cloud/firestore', '@google-cloud/storage'],
    plugins: plugins(join(root, 'functions/node_modules')),
    banner: { js: commonJsNames },
    minifySyntax: true,
    minifyWhitespace: true,
    sourcemap: true,
    sourcesContent: false,
    logLevel: 'warning',
  });
}
