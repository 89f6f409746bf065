import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';

type Python = ChildProcessByStdio<Writable, Readable, null>;

const packages = join(import.meta.dirname, '../../clients/python');

/** Runs work with a directory of its own on the disk, which is removed after it. */
export async function inDirectory<Result>(work: (directory: string) => Promise<Result>): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  try {
    return await work(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Starts python3 with the client in its path; what it compiles goes to `cache`. */
export function startPython(args: readonly (string | number)[], cache: string): Python {
  const compiling = { PYTHONPYCACHEPREFIX: cache, PYTHONDONTWRITEBYTECODE: '' };
  return spawn('python3', args.map(String), {
    env: { ...process.env, ...compiling, PYTHONPATH: packages, NO_PROXY: '127.0.0.1' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

/** Runs a program of this folder to its end, in a directory that is its first argument; answers what it printed. */
export function runProgram(program: string, ...args: readonly (string | number)[]): Promise<unknown> {
  return inDirectory((directory) => run([pathOf(program), directory, ...args], directory));
}

/** Runs python3 to its end; answers what it printed, which is JSON. Rejects where it fails. */
export async function run(args: readonly (string | number)[], cache: string): Promise<unknown> {
  const child = startPython(args, cache);
  const [printed, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  if (code !== 0) throw new Error(`python3 ${args.join(' ')} ended with ${code}.`);
  return JSON.parse(printed);
}

/** The path of a program of this folder. */
export function pathOf(program: string): string {
  return join(import.meta.dirname, program);
}
