import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SnapshotError } from './shared/snapshot.ts';

const aboutFile = 'stack.json';
const format = 'sluice-stack 1';
const namePattern = /^snapshot-(\d+)$/;

/** Facts about the stack that wrote a snapshot, for the one that reads it. */
interface SnapshotAbout {
  /** Milliseconds its clock was ahead of the machine's: time never goes back. */
  clockOffsetMs: number;
  /** The address of its functions, which the tasks name. */
  functionsUrl: string;
}

export interface Snapshot extends SnapshotAbout {
  directory: string;
}

/**
 * The newest snapshot in a directory, which is made if it is missing.
 * @throws SnapshotError when it cannot be read.
 */
export async function latestSnapshot(dataDir: string): Promise<Snapshot | undefined> {
  await mkdir(dataDir, { recursive: true });
  const number = (await numbersIn(dataDir)).at(-1);
  if (number === undefined) return undefined;
  const directory = directoryOf(dataDir, number);
  return { directory, ...(await readAbout(join(directory, aboutFile))) };
}

/** Writes a snapshot with `write`. It is the newest only once it is whole; the ones before are deleted then. */
export async function addSnapshot(
  dataDir: string,
  about: SnapshotAbout,
  write: (directory: string) => Promise<void>,
): Promise<void> {
  const earlier = await numbersIn(dataDir);
  const part = join(dataDir, 'part');
  await rm(part, { recursive: true, force: true });
  await mkdir(part);
  await write(part);
  await writeFile(join(part, aboutFile), `${JSON.stringify({ format, ...about })}\n`);
  await rename(part, directoryOf(dataDir, (earlier.at(-1) ?? 0) + 1));
  for (const number of earlier) await rm(directoryOf(dataDir, number), { recursive: true, force: true });
}

function directoryOf(dataDir: string, number: number): string {
  return join(dataDir, `snapshot-${number}`);
}

async function numbersIn(dataDir: string): Promise<number[]> {
  const numbers = (await readdir(dataDir)).flatMap((name) => namePattern.exec(name)?.[1] ?? []).map(Number);
  return numbers.sort((a, b) => a - b);
}

async function readAbout(file: string): Promise<SnapshotAbout> {
  let read: unknown;
  try {
    read = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new SnapshotError(file, String(error), error);
  }
  if (typeof read === 'object' && read !== null && 'format' in read && read.format === format) {
    const { clockOffsetMs, functionsUrl } = read as Partial<SnapshotAbout>;
    if (typeof clockOffsetMs === 'number' && typeof functionsUrl === 'string')
      return { clockOffsetMs, functionsUrl };
  }
  throw new SnapshotError(file, 'another format');
}
