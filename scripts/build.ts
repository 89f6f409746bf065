/**
 * Bundles functions/src into functions/lib, what is deployed, and makes the TypeScript client's types of their routes.
 * Does nothing when the sources are the same as last time.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const outDir = join(root, 'functions/lib');
const stampName = '.sources';
/** Beside the result, so that the paths in the source maps stay right. */
const newDir = join(root, 'functions/.lib-new');
const lockFile = join(root, 'functions/package-lock.json');
const typesScript = join(root, 'scripts/clientTypes.ts');
const typesFile = join(root, 'clients/typescript/src/api.generated.ts');

/** Definitions of the names that CommonJS packages expect to find, for a bundle of ES modules. */
const commonJsNames = [
  "const require = process.getBuiltinModule('module').createRequire(import.meta.url);",
  'const __dirname = import.meta.dirname;',
].join('\n');

const stamp = hashOfSources();
if (readIfPresent(join(outDir, stampName)) !== stamp || !existsSync(typesFile)) {
  const startedMs = performance.now();
  await bundle();
  const { writeClientTypes } = await import('./clientTypes.ts');
  await writeClientTypes(typesFile);
  writeFileSync(join(newDir, stampName), stamp);
  // Whoever starts an instance meanwhile finds the old code or the new, and a build that fails changes nothing.
  rmSync(outDir, { recursive: true, force: true });
  renameSync(newDir, outDir);
  console.log(`Built functions/lib in ${Math.round(performance.now() - startedMs)} ms.`);
}

function hashOfSources(): string {
  const hash = createHash('sha256');
  const sources = ['functions/src', 'scripts/bundle'].flatMap((dir) =>
    readdirSync(join(root, dir), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort(),
  );
  for (const file of [...sources, lockFile, typesScript, import.meta.filename]) {
    hash
      .update(`${file.slice(root.length)}\0`)
      .update(readFileSync(file))
      .update('\0');
  }
  return hash.digest('hex');
}

function readIfPresent(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

async function bundle(): Promise<void> {
  const [{ build }, { plugins }] = await Promise.all([import('esbuild'), import('./bundle/plugins.ts')]);
  rmSync(newDir, { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: ['functions/src/index.ts'],
    outdir: newDir,
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
