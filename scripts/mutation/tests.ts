import { spawn } from 'node:child_process';
import { globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Mutant } from './mutants.ts';

const root = join(import.meta.dirname, '../..');
const mocha = join(root, 'node_modules/mocha/bin/mocha.js');
const testTimeoutMs = 20_000;
/** A mutant may make tests slower by so much before it counts as one that never ends. */
const slower = 3;
const startMs = 15_000;
/** The quickest tests that run a place are asked, as many as take so long together. */
const maxTestsMs = 45_000;

/** A file of tests that pass, how long they take, and what they run of each source. */
export interface TestFile {
  readonly path: string;
  readonly tookMs: number;
  /** Ranges by the source's URL, from the outside in, each with whether it ran. */
  readonly ran: ReadonlyMap<string, readonly Range[]>;
}

interface Range {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

/** A function of a source: its name, empty for the module and for what has none, and its ranges, itself first. */
export interface RunFunction {
  readonly functionName: string;
  readonly ranges: readonly Range[];
}

/**
 * Runs test files in one process and returns the functions of each source, by its URL; undefined where a test fails.
 */
export async function functionsRun(
  paths: readonly string[],
): Promise<ReadonlyMap<string, readonly RunFunction[]> | undefined> {
  const dir = mkdtempSync(join(tmpdir(), 'coverage-'));
  try {
    if (!(await run(paths, { NODE_V8_COVERAGE: dir }, 10 * 60_000))) return undefined;
    const found = new Map<string, readonly RunFunction[]>();
    for (const name of readdirSync(dir)) {
      const { result } = JSON.parse(readFileSync(join(dir, name), 'utf8')) as {
        result: { url: string; functions: RunFunction[] }[];
      };
      for (const { url, functions } of result) {
        if (!url.startsWith(pathToFileURL(join(root, 'functions/src')).href)) continue;
        found.set(url, [...(found.get(url) ?? []), ...functions]);
      }
    }
    return found;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** Runs the tests of one file; undefined where they do not all pass. */
export async function measured(path: string): Promise<TestFile | undefined> {
  const fromMs = performance.now();
  const functions = await functionsRun([path]);
  if (functions === undefined) return undefined;
  const tookMs = performance.now() - fromMs;
  const ran = new Map([...functions].map(([url, all]) => [url, all.flatMap(({ ranges }) => ranges)]));
  return { path: relative(root, path), tookMs, ran };
}

/** True where the tests run this place. */
function runs({ ran }: TestFile, url: string, { start, end }: Mutant): boolean {
  const around = (ran.get(url) ?? []).filter((range) => range.startOffset <= start && end <= range.endOffset);
  const size = (range: Range) => range.endOffset - range.startOffset;
  const smallest = Math.min(...around.map(size));
  return around.some((range) => size(range) === smallest && range.count > 0);
}

export type Fate = 'killed' | 'survived' | 'timed out' | 'not run';

/** The fate of a mutant under these tests, the quickest of them first. */
export async function fateOf(url: string, mutant: Mutant, tests: readonly TestFile[]): Promise<Fate> {
  const able = quickest(tests.filter((file) => runs(file, url, mutant)));
  if (able.length === 0) return 'not run';
  const { start, end, text } = mutant;
  const limitMs = startMs + slower * able.reduce((sum, { tookMs }) => sum + tookMs, 0);
  const passed = await run(
    able.map(({ path }) => join(root, path)),
    { MUTANT: JSON.stringify({ url, start, end, text }) },
    limitMs,
  );
  if (passed === undefined) return 'timed out';
  return passed ? 'survived' : 'killed';
}

function quickest(files: readonly TestFile[]): TestFile[] {
  const [first, ...rest] = files.toSorted((a, b) => a.tookMs - b.tookMs);
  if (first === undefined) return [];
  const taken = [first];
  let sumMs = first.tookMs;
  for (const file of rest) {
    sumMs += file.tookMs;
    if (sumMs <= maxTestsMs) taken.push(file);
  }
  return taken;
}

/** The project's test files that match a pattern. */
export function testFiles(pattern: string): string[] {
  return globSync(pattern, { cwd: root }).map((path) => join(root, path));
}

/** The process groups of tests that run; they end with this process. */
const running = new Set<number>();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    for (const group of running) process.kill(-group, 'SIGKILL');
    process.exit(1);
  });
}

/** True where all tests pass; undefined when they take longer than that. */
function run(
  paths: readonly string[],
  env: NodeJS.ProcessEnv,
  limitMs: number,
): Promise<boolean | undefined> {
  const preload = pathToFileURL(join(import.meta.dirname, 'preload.ts')).href;
  const args = ['--import', preload, mocha, '--no-config', '--bail', '--exit'];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...args, '--timeout', String(testTimeoutMs), ...paths], {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: 'ignore',
      detached: true,
    });
    const { pid } = child;
    if (pid !== undefined) running.add(pid);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      // Processes that the tests started end with them.
      if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    }, limitMs);
    child.once('error', reject);
    child.once('exit', (code) => {
      if (pid !== undefined) running.delete(pid);
      clearTimeout(timer);
      resolve(isLate ? undefined : code === 0);
    });
  });
}
