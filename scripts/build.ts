/** Bundles functions/src into functions/lib, what is deployed. Does nothing when the sources are the same as last time. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const outDir = join(root, 'functions/lib');
const stampFile = join(outDir, '.sources');

const stamp = hashOfSources();
if (readIfPresent(stampFile) !== stamp) {
  const startedMs = performance.now();
  await bundle();
  writeFileSync(stampFile, stamp);
  console.log(`Built functions/lib in ${Math.round(performance.now() - startedMs)} ms.`);
}

function hashOfSources(): string {
  const hash = createHash('sha256');
  const sources = readdirSync(join(root, 'functions/src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const file of [...sources, join(root, 'functions/package-lock.json'), import.meta.filename]) {
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
  const { build } = await import('esbuild');
  rmSync(outDir, { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: ['functions/src/index.ts'],
    outdir: 'functions/lib',
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // What is loaded only when first used stays a file of its own.
    splitting: true,
    packages: 'external',
    sourcemap: true,
    logLevel: 'warning',
  });
}
